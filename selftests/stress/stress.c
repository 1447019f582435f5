// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random operations of many processes on several queues, and a model that checks what
 * comes out: see ledger.h. The time is cut into rounds. Each has new queues and new
 * actors, whom this process disturbs: signals, SIGSTOP, kill -9, queues that are destroyed
 * under them. At its end all queues are emptied, and everything must add up.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <kselftest.h>

#include "actor.h"
#include "ledger.h"
#include "named.h"
#include "random.h"

#define SECONDS_DEFAULT	6
#define ROUND_MS	2000
#define REPORT_MS	5000
#define TICK_US		2000
#define LOOK_MS		2
#define LEASES_MAX	32	/* of a file */
#define ACTORS_MIN	4
#define ACTORS_MAX	12

/* In the order of enum fault. */
static const char * const promises[FAULTS] = {
	"nothing_is_torn", "nothing_comes_twice", "everything_comes_in_order",
	"nothing_is_lost", "the_counters_add_up", "no_call_gives_what_it_must_not",
	"nobody_waits_for_what_is_there",
};

struct slot {
	pid_t pid;
	unsigned int lives;	/* how often it was started */
};

/* Counts of what this process did, for the report. */
struct deeds {
	unsigned int kills;
	unsigned int stops;
	unsigned int signals;
	unsigned int queues;
};

/**
 * struct round - a round, as its seed has it
 * @seed: of the round
 * @random: decisions of this process
 * @kills: whether actors are killed
 * @actors: how many there are
 * @slots: the actors
 * @books: how many books are in use
 * @open: of each book, a file of its queue that is open for neither side
 * @current: the book of each queue that there is now
 */
struct round {
	uint64_t seed;
	struct random random;
	bool kills;
	unsigned int actors;
	struct slot slots[ACTORS_MAX];
	unsigned int books;
	int open[BOOKS];
	unsigned int current[QUEUES];
};

static struct shared {
	struct tally tally;
	struct hand hands[ACTORS_MAX];
} *shared;

static struct deeds deeds;

static void give_up(const char *what)
{
	ksft_exit_fail_msg("%s: %s\n", what, strerror(errno));
}

/* Queues */

static unsigned int random_policy(struct random *r, unsigned int may)
{
	unsigned int policy = 0;

	if ((may & MAY_DROP) && random_one_in(r, 2))
		policy |= BBUF_DROP_OLDEST;
	if ((may & MAY_END) && random_one_in(r, 2))
		policy |= BBUF_EOF_ON_CLOSE;
	return policy;
}

/* With a book, that actors find by the device's number once it is there. */
static void queue_begin_book(struct round *round, unsigned int queue)
{
	struct random *r = &round->random;
	struct book *book = ledger_book(round->books);
	struct bbuf_create create = { .mode = 0600 };
	struct stat stat;
	int fd, error;

	book->may = random_below(r, MAY_EVERYTHING + 1) & random_below(r, MAY_EVERYTHING + 1);
	book->type = random_one_in(r, 2) ? BBUF_RECORD : BBUF_STREAM;
	book->lease = book->type == BBUF_RECORD && random_one_in(r, 2);
	if (book->lease)
		book->may &= ~MAY_DROP;
	book->capacity = WORD * random_size(r, CAPACITY_MAX / WORD);
	book->salt = random_next(r);
	snprintf(create.name, sizeof(create.name), QUEUE_NAME, queue);
	create.type = book->type;
	create.capacity = book->capacity;
	create.policy = random_policy(r, book->may);
	if (book->lease) {
		create.policy |= BBUF_LEASE;
		create.max_leases = random_size(r, LEASES_MAX);
	}
	error = queue_create(&create);
	if (error)
		ksft_exit_fail_msg("cannot create %s: %s\n", create.name, strerror(-error));
	fd = queue_open(create.name, O_ACCMODE);
	if (fd < 0 || fstat(fd, &stat))
		give_up(create.name);
	round->current[queue] = round->books;
	round->open[round->books++] = fd;
	store(book->device, stat.st_rdev);
	deeds.queues++;
}

static void queue_end(unsigned int queue)
{
	char name[QUEUE_NAME_SIZE];
	int error;

	snprintf(name, sizeof(name), QUEUE_NAME, queue);
	error = queue_destroy(name);
	if (error)
		fault(RESULT, "cannot destroy %s: %s", name, strerror(-error));
}

static void replace_queue(struct round *round)
{
	unsigned int queue = random_below(&round->random, shared->tally.queues);

	if (round->books == BOOKS || !(ledger_book(round->current[queue])->may & MAY_DESTROY))
		return;
	queue_end(queue);
	queue_begin_book(round, queue);
}

/* Actors */

static void actor_start(struct round *round, unsigned int i)
{
	struct slot *slot = &round->slots[i];
	uint64_t seed = random_seed(round->seed, slot->lives++ * ACTORS_MAX + i);
	pid_t parent = getpid();

	slot->pid = fork();
	if (slot->pid < 0)
		give_up("fork");
	if (slot->pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	act(i, seed, &shared->tally, &shared->hands[i]);
}

/* Actors let them in when they know what to do with them. */
static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGIO);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

/* The data that it had in flight may have been lost with it. */
static void actor_kill(struct round *round, unsigned int i)
{
	struct hand *hand = &shared->hands[i];

	kill(round->slots[i].pid, SIGKILL);
	waitpid(round->slots[i].pid, NULL, 0);
	if (hand->book >= 0) {
		ledger_book(hand->book)->unsure += hand->bytes;
		store(ledger_book(hand->book)->words_cut, true);
	}
	hand->book = -1;
	deeds.kills++;
}

/* Disturbances */

static void disturb(struct round *round)
{
	struct random *r = &round->random;
	unsigned int i = random_below(r, round->actors);
	unsigned int what = random_below(r, 100);

	usleep(random_below(r, TICK_US));
	if (what < 60) {
		kill(round->slots[i].pid, SIGUSR1);
		deeds.signals++;
	} else if (what < 70) {
		kill(round->slots[i].pid, SIGSTOP);
		usleep(random_below(r, TICK_US));
		kill(round->slots[i].pid, SIGCONT);
		deeds.stops++;
	} else if (what < 75 && round->kills) {
		actor_kill(round, i);
		actor_start(round, i);
	} else if (what < 77) {
		replace_queue(round);
	}
}

/* Does a call wait although there is no reason to? Some kinds of calls cannot be judged. */
static bool waits_in_vain(const struct bbuf_info *info)
{
	if (info->state && (info->in.waiters || (info->out.waiters && !info->leased_bytes)))
		return true;
	if (info->out.waiters && info->bytes >= info->read_mark)
		return true;
	return info->in.waiters && !info->bytes && !info->leased_bytes;
}

static bool has_moved(const struct bbuf_info *a, const struct bbuf_info *b)
{
	return memcmp(&a->in, &b->in, sizeof(a->in)) || memcmp(&a->out, &b->out, sizeof(a->out));
}

static void find_stalled(const struct round *round, unsigned int n)
{
	struct bbuf_info last, now = queue_info(round->open[n]);
	long end = now_ms() + DEADLINE_MS;

	while (waits_in_vain(&now) && now_ms() < end) {
		last = now;
		pause_ms(LOOK_MS);
		now = queue_info(round->open[n]);
		if (has_moved(&last, &now))
			end = now_ms() + DEADLINE_MS;
	}
	if (waits_in_vain(&now))
		fault(STUCK, "%s: %u readers and %u writers wait, %llu bytes are queued", now.name,
		      now.out.waiters, now.in.waiters, (unsigned long long)now.bytes);
}

/*
 * No process begins a call, and none is disturbed, during this check: a call that has no reason to
 * wait only needs time to proceed, without help from another process.
 */
static void look_at_all(const struct round *round)
{
	unsigned int n;

	store(shared->tally.pause, true);
	for (n = 0; n < round->books; n++)
		find_stalled(round, n);
	store(shared->tally.pause, false);
}

/* The end of a round */

/* Tasks that still wait are woken by a signal until all have ended. */
static void end_actors(struct round *round)
{
	long end = now_ms() + DEADLINE_MS;
	unsigned int i;
	int status;

	for (i = 0; i < round->actors; i++) {
		struct slot *slot = &round->slots[i];

		while (!waitpid(slot->pid, &status, WNOHANG) && now_ms() < end) {
			kill(slot->pid, SIGUSR2);
			usleep(POLL_US);
		}
		if (now_ms() >= end) {
			fault(STUCK, "actor %u does not end", i);
			actor_kill(round, i);
		} else if (status) {
			fault(RESULT, "actor %u ended with status %#x", i, status);
		}
	}
}

/* The lease that a file has had longest. */
static int settle(int fd, enum bbuf_settle_action action)
{
	return ioctl(fd, BBUF_IOC_SETTLE, &(struct bbuf_settle){ .action = action });
}

/* Take out all that is left, as one reader more. */
static void drain(unsigned int queue, struct book *book)
{
	static unsigned char buf[CAPACITY_MAX];
	char name[QUEUE_NAME_SIZE];
	struct sight sight;
	ssize_t n;
	int fd;

	snprintf(name, sizeof(name), QUEUE_NAME, queue);
	fd = queue_open(name, O_RDONLY | O_NONBLOCK);
	for (;;) {
		sight_begin(&sight, book);
		n = read(fd, buf, sizeof(buf));
		if (n <= 0)
			break;
		if (book->type == BBUF_RECORD)
			sight_record(&sight, buf, n, true);
		else
			sight_stream(&sight, buf, n, true);
		if (book->lease && settle(fd, BBUF_ACK) != 1)
			fault(RESULT, "%s: cannot acknowledge: %s", name, strerror(errno));
	}
	if (n < 0 && errno != EAGAIN)
		fault(RESULT, "cannot empty %s: %s", name, strerror(errno));
	close(fd);
}

static void end_queues(struct round *round)
{
	unsigned int i;

	for (i = 0; i < shared->tally.queues; i++) {
		struct bbuf_info info;

		drain(i, ledger_book(round->current[i]));
		info = queue_info(round->open[round->current[i]]);
		if (info.bytes)
			fault(LOSS, "%s: %llu bytes can't be read", info.name,
			      (unsigned long long)info.bytes);
	}
	for (i = 0; i < round->books; i++) {
		struct bbuf_info info = queue_info(round->open[i]);

		book_audit(ledger_book(i), &info);
		close(round->open[i]);
	}
	for (i = 0; i < shared->tally.queues; i++)
		queue_end(i);
}

static void round_begin(struct round *round, uint64_t seed, unsigned int number)
{
	unsigned int i;

	*round = (struct round){ .seed = random_seed(seed, number) };
	round->random.state = round->seed;
	round->kills = random_one_in(&round->random, 2);
	round->actors = ACTORS_MIN + random_below(&round->random, ACTORS_MAX - ACTORS_MIN + 1);
	ledger_clear();
	shared->tally.queues = 1 + random_below(&round->random, QUEUES);
	for (i = 0; i < shared->tally.queues; i++)
		queue_begin_book(round, i);
	shared->tally.stop = false;
	for (i = 0; i < round->actors; i++)
		actor_start(round, i);
}

static void round_end(struct round *round)
{
	store(shared->tally.stop, true);
	look_at_all(round);
	end_actors(round);
	end_queues(round);
}

static void round_run(uint64_t seed, unsigned int number, long end)
{
	struct round round;
	int quiet_in = 0;

	round_begin(&round, seed, number);
	while (now_ms() < end) {
		disturb(&round);
		if (quiet_in-- == 0) {
			look_at_all(&round);
			quiet_in = random_below(&round.random, 100);
		}
	}
	round_end(&round);
}

/* Telling */

static void report(long ms, unsigned int rounds)
{
	const struct tally *tally = &shared->tally;
	unsigned long long steps = load(tally->steps);

	ksft_print_msg("%ld s: %u rounds, %llu operations (%llu/s), %llu KiB in, %llu KiB out, "
		       "%u queues, %u signals, %u stops, %u kills\n", ms / 1000, rounds, steps,
		       steps * 1000 / (ms ? ms : 1), (unsigned long long)load(tally->in) / 1024,
		       (unsigned long long)load(tally->out) / 1024, deeds.queues, deeds.signals,
		       deeds.stops, deeds.kills);
	fflush(stdout);
}

static unsigned int faults_so_far(void)
{
	unsigned int i, sum = 0;

	for (i = 0; i < FAULTS; i++)
		sum += faults(i);
	return sum;
}

static void run(uint64_t seed, unsigned int number, long ms)
{
	long start = now_ms(), now = start, reported = start;
	unsigned int rounds = 0;

	while (now < start + ms) {
		unsigned int before = faults_so_far();
		long end = now + ROUND_MS;

		round_run(seed, number, end < start + ms ? end : start + ms);
		if (faults_so_far() > before)
			ksft_print_msg("that was round %u: --seed %llu --round %u\n", number,
				       (unsigned long long)seed, number);
		number++;
		rounds++;
		now = now_ms();
		if (now - reported >= REPORT_MS && now < start + ms) {
			report(now - start, rounds);
			reported = now;
		}
	}
	report(now - start, rounds);
}

static void verdict(void)
{
	unsigned int i;

	for (i = 0; i < FAULTS; i++)
		if (faults(i))
			ksft_test_result_fail("%s: %u times\n", promises[i], faults(i));
		else
			ksft_test_result_pass("%s\n", promises[i]);
}

static void usage(int status)
{
	puts("Usage: stress [--seconds N] [--seed N] [--round N]\n"
	     "Random operations on queues of its own, checked against a model. The seed decides\n"
	     "what each process does, in rounds of a second; --round begins with another than\n"
	     "the first.");
	exit(status);
}

struct arguments {
	uint64_t seed;
	unsigned int round;
	unsigned int seconds;
};

static struct arguments parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seconds",	required_argument,	NULL, 'n' },
		{ "seed",	required_argument,	NULL, 's' },
		{ "round",	required_argument,	NULL, 'r' },
		{ "help",	no_argument,		NULL, 'h' },
		{ }
	};
	struct arguments arguments = {
		.seconds = SECONDS_DEFAULT, .seed = time(NULL),
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'n': arguments.seconds = strtoul(optarg, NULL, 0); break;
		case 's': arguments.seed = strtoull(optarg, NULL, 0); break;
		case 'r': arguments.round = strtoul(optarg, NULL, 0); break;
		case 'h': usage(0); break;
		default: usage(1);
		}
	}
	return arguments;
}

int main(int argc, char **argv)
{
	struct arguments arguments = parse(argc, argv);

	module_require();
	ksft_print_header();
	ksft_set_plan(FAULTS);
	ksft_print_msg("seed %llu\n", (unsigned long long)arguments.seed);
	fflush(stdout);
	ledger_open();
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		give_up("mmap");
	block_signals();
	run(arguments.seed, arguments.round, arguments.seconds * 1000L);
	if (!load(shared->tally.in) || !load(shared->tally.out))
		ksft_exit_fail_msg("nothing was moved, so nothing was tested\n");
	verdict();
	queue_destroy("stress-churn");
	ksft_finished();
}
