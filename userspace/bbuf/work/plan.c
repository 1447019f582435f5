// SPDX-License-Identifier: GPL-2.0-only
/*
 * Options of bbuf work.
 */
#include "common/arguments.h"
#include "common/exit.h"
#include "common/settings.h"
#include "../file.h"
#include "../options.h"
#include "plan.h"

#define JOBS_MAX	4096

static void check(struct argp_state *state, const struct plan *plan)
{
	if (!plan->queue)
		argp_error(state, "missing argument: QUEUE");
	if (!plan->command)
		argp_error(state, "missing argument: COMMAND");
}

static error_t parse_arguments(int key, char *arg, struct argp_state *state, void *input)
{
	struct plan *plan = input;

	switch (key) {
	case ARGP_KEY_ARG:
		if (plan->queue)
			plan->command = arg_command(state);
		else
			plan->queue = arg;
		return 0;
	case ARGP_KEY_END:
		check(state, plan);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

void work_plan_parse(struct plan *plan, int argc, char **argv)
{
	const struct setting settings[] = {
		JOBS_SETTING(&plan->jobs, JOBS_MAX),
		{ .name = "tries", .key = 'T', .count = &plan->tries,
		  .doc = "give up on a record that has failed after N deliveries (default: no "
			 "limit)" },
		{ .name = "backoff", .key = 'b', .time = &plan->backoff_ns, .initial = "1s",
		  .doc = "delay before a failed record is retried, doubled at each further "
			 "delivery" },
		{ .name = "timeout", .key = 't', .time = &plan->timeout_ns,
		  .doc = "time limit of a job, which then fails (default: no limit)" },
		{ .name = "kill-after", .key = 'k', .time = &plan->kill_ns, .initial = "5s",
		  .doc = "time from SIGTERM to SIGKILL when a job is terminated" },
		{ .name = "grace", .key = 'g', .time = &plan->grace_ns,
		  .doc = "time limit of running jobs after a signal (default: wait for them)" },
		{ .name = "drain", .key = 'd', .yes = &plan->drain,
		  .doc = "exit when the queue is empty (default: when it is also shut down)" },
		{ .name = "quiet", .key = 'q', .yes = &plan->quiet,
		  .doc = "print no progress, no summary and no failed jobs" },
		FILE_SETTING("json", 'J', &plan->json,
			     "write events to FILE, or to standard output, as lines of JSON"),
		{ 0 }
	};
	const struct command_line line = {
		.settings = settings,
		.args = "QUEUE [--] COMMAND [ARGUMENT...]",
		.doc = "Runs COMMAND for each record of a queue with leases. The record replaces "
		       "{} in the arguments of COMMAND, or is its standard input if none contains "
		       "{}. It is consumed when COMMAND succeeds, and returns to the queue if this "
		       "program is killed.\v"
		       "A record that replaces {} in the code of `sh -c' would be executed: use "
		       "sh -c '... \"$1\"' sh {} instead.\n\n"
		       "Exits when the queue is shut down and all records are consumed, or after a "
		       "signal, when all running jobs have finished.\n\n"
		       HELP_TIMES "\n" HELP_EXIT ", 6 records were given up.",
		.flags = ARGP_IN_ORDER,
		.parse = parse_arguments,
		.input = plan,
	};

	*plan = (struct plan){ .jobs = default_jobs(JOBS_MAX) };
	command_line_parse(&line, argc, argv);
}
