// SPDX-License-Identifier: GPL-2.0-only
/*
 * Options of bbuf work.
 */
#include <string.h>
#include <unistd.h>

#include "common/arguments.h"
#include "common/clock.h"
#include "common/exit.h"
#include "common/macros.h"
#include "../options.h"
#include "plan.h"

#define JOBS_MAX	4096

#define DEFAULT_BACKOFF	NSEC_PER_SEC
#define DEFAULT_KILL	(5 * NSEC_PER_SEC)

/* Default file of --json. */
#define STDOUT		"-"

enum option_key {
	KEY_JOBS = 'j',
	KEY_TRIES = 'T',
	KEY_BACKOFF = 'b',
	KEY_TIMEOUT = 't',
	KEY_KILL = 'k',
	KEY_GRACE = 'g',
	KEY_DRAIN = 'd',
	KEY_QUIET = 'q',
	KEY_JSON = 'J',
};

static const struct argp_option option_list[] = {
	{ .name = "jobs", .key = KEY_JOBS, .arg = "N",
	  .doc = "maximum number of jobs to run at once (default: number of processors)" },
	{ .name = "tries", .key = KEY_TRIES, .arg = "N",
	  .doc = "give up on a record that has failed after N deliveries (default: no limit)" },
	{ .name = "backoff", .key = KEY_BACKOFF, .arg = "TIME",
	  .doc = "delay before a failed record is retried, doubled at each further delivery "
		 "(default: 1s)" },
	{ .name = "timeout", .key = KEY_TIMEOUT, .arg = "TIME",
	  .doc = "time limit of a job, which then fails (default: no limit)" },
	{ .name = "kill-after", .key = KEY_KILL, .arg = "TIME",
	  .doc = "time from SIGTERM to SIGKILL when a job is terminated (default: 5s)" },
	{ .name = "grace", .key = KEY_GRACE, .arg = "TIME",
	  .doc = "time limit of running jobs after a signal (default: wait for them)" },
	{ .name = "drain", .key = KEY_DRAIN,
	  .doc = "exit when the queue is empty (default: when it is also shut down)" },
	{ .name = "quiet", .key = KEY_QUIET,
	  .doc = "print no progress, no summary and no failed jobs" },
	{ .name = "json", .key = KEY_JSON, .arg = "FILE", .flags = OPTION_ARG_OPTIONAL,
	  .doc = "write events to FILE, or to standard output, as lines of JSON" },
	{ 0 }
};

static void check(struct argp_state *state, const struct plan *plan)
{
	if (!plan->queue)
		argp_error(state, "missing argument: QUEUE");
	if (!plan->command)
		argp_error(state, "missing argument: COMMAND");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct plan *plan = state->input;

	switch (key) {
	case KEY_JOBS:
		plan->jobs = arg_jobs(state, arg, JOBS_MAX);
		return 0;
	case KEY_TRIES:
		plan->tries = arg_count(state, "tries", arg);
		return 0;
	case KEY_BACKOFF:
		plan->backoff_ns = arg_time(state, "backoff", arg);
		return 0;
	case KEY_TIMEOUT:
		plan->timeout_ns = arg_time(state, "timeout", arg);
		return 0;
	case KEY_KILL:
		plan->kill_ns = arg_time(state, "kill-after", arg);
		return 0;
	case KEY_GRACE:
		plan->grace_ns = arg_time(state, "grace", arg);
		return 0;
	case KEY_DRAIN:
		plan->drain = true;
		return 0;
	case KEY_QUIET:
		plan->quiet = true;
		return 0;
	case KEY_JSON:
		plan->json = arg ?: STDOUT;
		return 0;
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

static const struct argp argp = {
	.options = option_list,
	.parser = parse,
	.args_doc = "QUEUE [--] COMMAND [ARGUMENT...]",
	.doc = "Runs COMMAND for each record of a queue with leases. The record is its standard "
	       "input or, if an argument contains {}, replaces that. It is consumed when COMMAND "
	       "succeeds; if this program is killed, it returns to the queue.\v"
	       "In the code of `sh -c', {} would be executed: use sh -c '... \"$1\"' sh {}.\n\n"
	       "Exits when the queue is shut down and all records are consumed, or after a "
	       "signal, when all running jobs have finished.\n\n"
	       HELP_SIZES "\n" HELP_EXIT ", 6 records were given up.",
};

void work_plan_parse(struct plan *plan, int argc, char **argv)
{
	*plan = (struct plan){
		.jobs = MIN(MAX(sysconf(_SC_NPROCESSORS_ONLN), 1), JOBS_MAX),
		.backoff_ns = DEFAULT_BACKOFF,
		.kill_ns = DEFAULT_KILL,
	};
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, plan);
}

bool work_plan_json_to_stdout(const struct plan *plan)
{
	return plan->json && !strcmp(plan->json, STDOUT);
}
