// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the examples share. See example.h.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "example.h"

/* Queues of one program, and the longest name that it gives them. */
#define QUEUES_MAX	256
#define NAME_SIZE	64

static char queues[QUEUES_MAX][NAME_SIZE];
static atomic_int queue_count;
static pid_t queue_owner;

void example_parse(int argc, char **argv, const struct argp *argp, void *input)
{
	argp_err_exit_status = EXIT_USAGE;
	argp_parse(argp, argc, argv, 0, NULL, input);
}

/* Keys that are no letters, so that the options have long names only. */
#define SETTING_KEY	256

static void setting_set(const struct setting *setting, const char *arg, struct argp_state *state)
{
	uint64_t value = setting->read(state, setting->name, arg);

	if (setting->max && value > setting->max)
		argp_error(state, "--%s=%s: must be at most %llu", setting->name, arg,
			   (unsigned long long)setting->max);
	*setting->value = value;
}

static error_t settings_parse(int key, char *arg, struct argp_state *state)
{
	const struct setting *settings = state->input;
	int i;

	for (i = 0; settings[i].name; i++) {
		if (key == ARGP_KEY_INIT)
			setting_set(&settings[i], settings[i].initial, state);
		if (key == SETTING_KEY + i) {
			setting_set(&settings[i], arg, state);
			return 0;
		}
	}
	return ARGP_ERR_UNKNOWN;
}

/* Adds the default to what --help says about an option. argp frees it. */
static char *settings_help(int key, const char *text, void *input)
{
	const struct setting *settings = input;
	char *help;

	if (key < SETTING_KEY || key >= ARGP_KEY_HELP_PRE_DOC)
		return (char *)text;
	if (asprintf(&help, "%s (default %s)", text, settings[key - SETTING_KEY].initial) < 0)
		err(EXIT_FAILURE, "memory for the help");
	return help;
}

static const char *setting_arg(const struct setting *setting)
{
	if (setting->read == arg_time)
		return "TIME";
	return setting->read == arg_size ? "SIZE" : "N";
}

/* For examples all whose options are settings. The last has no name. */
void example_settings(int argc, char **argv, const char *doc, const struct setting *settings)
{
	struct argp argp = { .parser = settings_parse, .doc = doc, .help_filter = settings_help };
	struct argp_option *options;
	size_t count = 0, i;

	while (settings[count].name)
		count++;
	options = xcalloc(count + 1, sizeof(*options));
	for (i = 0; i < count; i++) {
		options[i] = (struct argp_option){
			.name = settings[i].name, .key = SETTING_KEY + i,
			.arg = setting_arg(&settings[i]), .doc = settings[i].doc,
		};
	}
	argp.options = options;
	example_parse(argc, argv, &argp, (void *)settings);
	free(options);
}

void sleep_for(uint64_t ns)
{
	sleep_until(now_ns() + ns);
}

/* Children have the list, too, but the queues are not theirs. */
static void queues_destroy(void)
{
	if (getpid() != queue_owner)
		return;
	while (queue_count)
		bbuf_destroy(queues[--queue_count]);
}

/* bbuf_destroy() makes system calls only, so that a signal handler may use it. */
static void interrupted(int sig)
{
	queues_destroy();
	signal(sig, SIG_DFL);
	raise(sig);
}

static void queues_destroy_at_end(void)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGTERM };
	size_t i;

	queue_owner = getpid();
	atexit(queues_destroy);
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		signal(signals[i], interrupted);
}

static _Noreturn void queue_refused(const char *name, int error)
{
	switch (error) {
	case ENOENT:
		errx(EXIT_FAILURE, "there is no /dev/bbuf-control to make a queue with: load the "
		     "module with `insmod bbuf.ko' or `make load'");
	case ERANGE:
		errx(EXIT_FAILURE, "making the queue %s: larger than max_capacity, which root can "
		     "raise in /sys/module/bbuf/parameters", name);
	case EACCES:
		errx(EXIT_FAILURE, "making the queue %s: not permitted: run this as root", name);
	}
	errno = error;
	err(EXIT_FAILURE, "making the queue %s", name);
}

char *queue_new(uint32_t type, uint64_t capacity)
{
	struct bbuf_config config = BBUF_CONFIG_INIT;
	char *name = queues[queue_count];

	if (!queue_count)
		queues_destroy_at_end();
	if (queue_count == QUEUES_MAX)
		errx(EXIT_FAILURE, "more than %d queues", QUEUES_MAX);
	config.type = type;
	config.capacity = capacity;
	snprintf(name, NAME_SIZE, "%.32s-%d-%d", program_invocation_short_name, getpid(),
		 queue_count);
	if (bbuf_create(name, &config))
		queue_refused(name, errno);
	queue_count++;
	return name;
}

struct bbuf *queue_open(const char *name, int flags)
{
	struct bbuf *queue = bbuf_open(name, flags);

	if (!queue)
		err(EXIT_FAILURE, "opening the queue %s", name);
	return queue;
}

/* Says which queue it was, too. */
static _Noreturn void queue_failed(struct bbuf *queue, const char *what)
{
	struct bbuf_info info = { 0 };
	int error = errno;

	bbuf_get_info(queue, &info);
	errno = error;
	err(EXIT_FAILURE, "the queue %s: %s", info.name, what);
}

void queue_put(struct bbuf *queue, const void *data, size_t len)
{
	if (bbuf_put(queue, data, len, NULL) != (ssize_t)len)
		queue_failed(queue, "putting");
}

/* 0 is the end: somebody has shut the queue down, and it is empty. */
size_t queue_get(struct bbuf *queue, void *buffer, size_t size)
{
	ssize_t ret = bbuf_get(queue, buffer, size, NULL);

	if (ret < 0)
		queue_failed(queue, "getting");
	return ret;
}

void queue_shutdown(struct bbuf *queue)
{
	if (bbuf_shutdown(queue))
		queue_failed(queue, "shutting down");
}

struct bbuf_info queue_info(struct bbuf *queue)
{
	struct bbuf_info info;

	if (bbuf_get_info(queue, &info))
		queue_failed(queue, "asking what it has done");
	return info;
}

pthread_t thread_start(void *(*run)(void *arg), void *arg)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, run, arg);
	if (errno)
		err(EXIT_FAILURE, "starting a thread");
	return thread;
}

void *thread_join(pthread_t thread)
{
	void *result;

	errno = pthread_join(thread, &result);
	if (errno)
		err(EXIT_FAILURE, "waiting for a thread");
	return result;
}

/* What was printed so far must not be printed by the child once more. */
pid_t process_start(void (*run)(void *arg), void *arg)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		err(EXIT_FAILURE, "starting a process");
	if (!pid) {
		run(arg);
		exit(output_end());
	}
	return pid;
}

void process_join(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) < 0)
		err(EXIT_FAILURE, "waiting for process %d", pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		errx(EXIT_FAILURE, "process %d failed", pid);
}

/* As it was at the start: it shrinks to one with the first cpu_take(). */
static const cpu_set_t *cpus(void)
{
	static cpu_set_t set;

	if (!CPU_COUNT(&set) && sched_getaffinity(0, sizeof(set), &set))
		err(EXIT_FAILURE, "asking which CPUs may be used");
	return &set;
}

unsigned int cpu_count(void)
{
	return CPU_COUNT(cpus());
}

/* Threads and processes that are started later stay there, too. */
void cpu_take(unsigned int nth)
{
	cpu_set_t one;
	int cpu;

	nth %= cpu_count();
	for (cpu = 0; !CPU_ISSET(cpu, cpus()) || nth--; cpu++)
		;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		err(EXIT_FAILURE, "staying on CPU %d", cpu);
}

static uint64_t timeval_ns(const struct timeval *time)
{
	return time->tv_sec * NSEC_PER_SEC + time->tv_usec * NSEC_PER_USEC;
}

/* As getrusage(2): RUSAGE_SELF, RUSAGE_THREAD, or RUSAGE_CHILDREN that were joined. */
struct cost cost_now(int who)
{
	struct rusage usage;

	if (getrusage(who, &usage))
		err(EXIT_FAILURE, "getrusage");
	return (struct cost){
		.ns = now_ns(),
		.cpu_ns = timeval_ns(&usage.ru_utime) + timeval_ns(&usage.ru_stime),
		.slept = usage.ru_nvcsw,
		.preempted = usage.ru_nivcsw,
	};
}

static struct cost cost_less(struct cost whole, const struct cost *part)
{
	whole.ns -= part->ns;
	whole.cpu_ns -= part->cpu_ns;
	whole.slept -= part->slept;
	whole.preempted -= part->preempted;
	return whole;
}

struct cost cost_since(int who, const struct cost *before)
{
	return cost_less(cost_now(who), before);
}

/* Of two who worked at the same time. */
struct cost cost_sum(const struct cost *one, const struct cost *other)
{
	return (struct cost){
		.ns = MAX(one->ns, other->ns),
		.cpu_ns = one->cpu_ns + other->cpu_ns,
		.slept = one->slept + other->slept,
		.preempted = one->preempted + other->preempted,
	};
}

/**
 * struct team - workers that all run the same
 * @kind: what they are
 * @size: how many
 * @run: what they run
 * @arg: what it is given
 * @before: cost of such workers before these were started
 * @members: the workers
 */
struct team {
	enum team_kind kind;
	size_t size;
	void (*run)(void *arg);
	void *arg;
	struct cost before;
	union {
		pthread_t thread;
		pid_t process;
	} members[];
};

/* Of all workers that this thread has started; not what it has done itself. */
static struct cost team_cost(enum team_kind kind)
{
	struct cost caller;

	if (kind == TEAM_PROCESSES)
		return cost_now(RUSAGE_CHILDREN);
	caller = cost_now(RUSAGE_THREAD);
	caller.ns = 0;
	return cost_less(cost_now(RUSAGE_SELF), &caller);
}

static void *team_thread(void *arg)
{
	struct team *team = arg;

	team->run(team->arg);
	return NULL;
}

struct team *team_start(enum team_kind kind, size_t size, void (*run)(void *arg), void *arg)
{
	struct team *team = xcalloc(1, sizeof(*team) + size * sizeof(team->members[0]));
	size_t i;

	*team = (struct team){
		.kind = kind, .size = size, .run = run, .arg = arg,
		.before = team_cost(kind),
	};
	for (i = 0; i < size; i++) {
		if (kind == TEAM_PROCESSES)
			team->members[i].process = process_start(run, arg);
		else
			team->members[i].thread = thread_start(team_thread, team);
	}
	return team;
}

/* Waits for all of them. Returns what they took, from the start to the last one's end. */
struct cost team_join(struct team *team)
{
	struct cost cost;
	size_t i;

	for (i = 0; i < team->size; i++) {
		if (team->kind == TEAM_PROCESSES)
			process_join(team->members[i].process);
		else
			thread_join(team->members[i].thread);
	}
	cost = cost_less(team_cost(team->kind), &team->before);
	free(team);
	return cost;
}

static uint64_t power(uint32_t base, unsigned int exponent)
{
	uint64_t product = 1;

	while (exponent--)
		product *= base;
	return product;
}

bool is_armstrong(uint32_t number)
{
	unsigned int digits = 0;
	uint64_t sum = 0;
	uint32_t rest;

	for (rest = number; rest; rest /= 10)
		digits++;
	for (rest = number; rest; rest /= 10)
		sum += power(rest % 10, digits);
	return sum == number;
}

/* One bar a line, the longest as long as the screen allows. */
void chart_print(const char *title, const struct bar *bars, size_t count)
{
	int label_width = 0, text_width = 0;
	const struct bar *bar;
	struct screen screen;
	double longest = 0;
	unsigned int cells;

	for (bar = bars; bar < bars + count; bar++) {
		label_width = MAX(label_width, (int)strlen(bar->label));
		text_width = MAX(text_width, (int)strlen(bar->text));
		longest = MAX(longest, bar->value);
	}
	screen_init(&screen, stdout);
	cells = screen_bar_cells(&screen, label_width + text_width + strlen("    "));
	screen_heading(&screen, "%s", title);
	for (bar = bars; bar < bars + count; bar++) {
		printf("%-*s  ", label_width, bar->label);
		screen_bar(&screen, longest > 0 ? bar->value / longest : 0, cells);
		printf("  %*s\n", text_width, bar->text);
	}
}
