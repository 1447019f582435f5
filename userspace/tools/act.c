// SPDX-License-Identifier: GPL-2.0-only
/*
 * An act of the timeline. See act.h.
 */
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "act.h"
#include "common.h"

/**
 * struct actor - one of the two threads
 * @role: producer or consumer
 * @script: what to do
 * @start: where both wait for each other
 * @burst_over: the producer has written the burst
 * @endpoint: its end of the queue
 * @buf: an item
 * @events: what it noted
 * @event_count: how many events there are
 * @start_ns: when it began
 * @end_ns: when it had finished
 * @cpu_ns: the CPU time that it took
 */
struct actor {
	enum role role;
	const struct script *script;
	pthread_barrier_t *start;
	atomic_bool *burst_over;
	struct endpoint endpoint;
	char *buf;
	struct event *events;
	size_t event_count;
	uint64_t start_ns;
	uint64_t end_ns;
	uint64_t cpu_ns;
};

static void actor_note(struct actor *actor, const struct event *event)
{
	actor->events = xrealloc(actor->events, actor->event_count + 1, sizeof(*event));
	actor->events[actor->event_count++] = *event;
}

static ssize_t actor_call(struct actor *actor, size_t n)
{
	ssize_t ret;

	if (actor->role == PRODUCER)
		ret = endpoint_write(&actor->endpoint, actor->buf, n);
	else
		ret = endpoint_read(&actor->endpoint, actor->buf, n);
	if (ret < 0)
		err(EXIT_FAILURE, "%s: %s", actor->script->device,
		    actor->role == PRODUCER ? "writing" : "reading");
	if (!ret)
		errx(EXIT_FAILURE, "%s: end of file: somebody shut the queue down",
		     actor->script->device);
	return ret;
}

/* Moves up to n bytes, and notes how it went. */
static size_t actor_move(struct actor *actor, size_t n)
{
	const struct meter *meter = &actor->endpoint.meter;
	uint64_t sleeps = meter->sleeps, eagains = meter->eagains;
	struct event event = {
		.role = actor->role,
		.bytes = n,
		.fill = device_fill(actor->endpoint.fd, actor->script->device),
		.ns = now_ns(),
	};
	uint64_t before = event.ns;

	n = actor_call(actor, n);
	if (meter->sleeps != sleeps || meter->eagains != eagains) {
		event.waits = true;
		actor_note(actor, &event);
		event.waits = false;
		event.waited_ns = meter->last_ns - before;
		event.eagains = meter->eagains - eagains;
	}
	event.ns = meter->last_ns;
	event.bytes = n;
	event.fill = device_fill(actor->endpoint.fd, actor->script->device);
	actor_note(actor, &event);
	return n;
}

/* The producer pauses once the burst is over, the consumer until then. */
static void actor_pause(struct actor *actor, uint64_t item)
{
	const struct script *script = actor->script;
	uint64_t pauses;

	if (actor->role == CONSUMER)
		pauses = !atomic_load(actor->burst_over);
	else if (item == script->burst)
		pauses = 2;	/* time enough for the consumer to catch up */
	else
		pauses = item > script->burst;
	if (pauses)
		sleep_until(now_ns() + pauses * script->pause_ns);
}

static void actor_perform(struct actor *actor)
{
	const struct script *script = actor->script;
	size_t burst = script->burst * script->size, done = 0, begun;
	size_t all = burst + script->trickle * script->size;

	while (done < all) {
		begun = done % script->size;	/* a call may move a part of an item */
		if (!begun)
			actor_pause(actor, done / script->size);
		done += actor_move(actor, script->size - begun);
		if (actor->role == PRODUCER && done >= burst)
			atomic_store(actor->burst_over, true);
	}
}

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

static void *actor_main(void *arg)
{
	struct actor *actor = arg;

	pthread_barrier_wait(actor->start);
	actor->start_ns = now_ns();
	actor->cpu_ns = -cpu_ns();
	actor_perform(actor);
	actor->cpu_ns += cpu_ns();
	actor->end_ns = now_ns();
	return NULL;
}

static int event_order(const void *a, const void *b)
{
	const struct event *left = a, *right = b;

	return (left->ns > right->ns) - (left->ns < right->ns);
}

/* Adds what an actor noted, and frees it. */
static void act_take(struct act *act, struct actor *actor, uint64_t start_ns)
{
	size_t i;

	act->events = xrealloc(act->events, act->event_count + actor->event_count,
			       sizeof(*act->events));
	for (i = 0; i < actor->event_count; i++) {
		actor->events[i].ns -= start_ns;
		act->waits += actor->events[i].waits;
		act->events[act->event_count++] = actor->events[i];
	}
	meter_add(&act->meter, &actor->endpoint.meter);
	act->cpu_ns += actor->cpu_ns;
	act->wall_ns = MAX(act->wall_ns, actor->end_ns - start_ns);
	endpoint_close(&actor->endpoint);
	free(actor->events);
	free(actor->buf);
}

static void actor_init(struct actor *actor, enum role role, enum endpoint_mode mode)
{
	static const int flags[ROLE_COUNT] = { [PRODUCER] = O_WRONLY, [CONSUMER] = O_RDONLY };
	static const atomic_bool never_stop;

	actor->role = role;
	actor->buf = xcalloc(1, actor->script->size);
	endpoint_open(&actor->endpoint, actor->script->device, flags[role], mode, &never_stop);
}

void act_run(struct act *act, const struct script *script, enum endpoint_mode mode)
{
	struct actor actors[ROLE_COUNT];
	pthread_t threads[ROLE_COUNT];
	atomic_bool burst_over = false;
	pthread_barrier_t start;
	uint64_t start_ns;
	int i, error;

	*act = (struct act){ .mode = mode };
	pthread_barrier_init(&start, NULL, ROLE_COUNT);
	for (i = 0; i < ROLE_COUNT; i++) {
		actors[i] = (struct actor){
			.script = script,
			.start = &start,
			.burst_over = &burst_over,
		};
		actor_init(&actors[i], i, mode);
	}
	for (i = 0; i < ROLE_COUNT; i++) {
		error = pthread_create(&threads[i], NULL, actor_main, &actors[i]);
		if (error)
			errx(EXIT_FAILURE, "thread: %s", strerror(error));
	}
	for (i = 0; i < ROLE_COUNT; i++)
		pthread_join(threads[i], NULL);
	start_ns = MIN(actors[PRODUCER].start_ns, actors[CONSUMER].start_ns);
	for (i = 0; i < ROLE_COUNT; i++)
		act_take(act, &actors[i], start_ns);
	qsort(act->events, act->event_count, sizeof(*act->events), event_order);
	pthread_barrier_destroy(&start);
}

void act_free(struct act *act)
{
	free(act->events);
}
