// SPDX-License-Identifier: GPL-2.0-only
#include <kselftest.h>

#include <bbuf.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "queue.h"

#define PAUSE_US	200

#define eventually(condition) ({					\
	long __end = now_ms() + DEADLINE_MS;				\
	bool __met;							\
									\
	while (!(__met = (condition)) && now_ms() < __end)		\
		usleep(PAUSE_US);					\
	__met;								\
})

const struct timespec at_once;
const struct timespec shortly = { .tv_nsec = SHORT_MS * 1000000L };
const struct timespec long_enough = { .tv_sec = DEADLINE_MS / 1000 };

static void __attribute__((constructor)) require_module(void)
{
	if (!access("/dev/bbuf-control", R_OK | W_OK))
		return;
	ksft_print_header();
	ksft_exit_skip("no /dev/bbuf-control that may be used\n");
}

long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void queue_name(char name[BBUF_NAME_SIZE], const char *what)
{
	snprintf(name, BBUF_NAME_SIZE, "libbbuf-%s-%d", what, getpid());
}

struct bbuf *queue_make(const char *name, enum bbuf_type type)
{
	struct bbuf_config config = BBUF_CONFIG_INIT;

	config.type = type;
	config.capacity = CAPACITY;
	return queue_make_as(name, &config);
}

struct bbuf *queue_make_as(const char *name, const struct bbuf_config *config)
{
	if (bbuf_create(name, config))
		return NULL;
	return bbuf_open(name, O_RDWR);
}

bool queue_fill(struct bbuf *queue, size_t len)
{
	static const char bytes[CAPACITY];

	while (bbuf_put(queue, bytes, len, &at_once) > 0)
		;
	return errno == EAGAIN;
}

static bool readers(struct bbuf *queue, unsigned int count)
{
	struct bbuf_info info;

	return !bbuf_get_info(queue, &info) && info.out.waiters == count;
}

static bool writers(struct bbuf *queue, unsigned int count)
{
	struct bbuf_info info;

	return !bbuf_get_info(queue, &info) && info.in.waiters == count;
}

bool queue_readers_wait(struct bbuf *queue, unsigned int count)
{
	return eventually(readers(queue, count));
}

bool queue_writers_wait(struct bbuf *queue, unsigned int count)
{
	return eventually(writers(queue, count));
}

static void *run(void *arg)
{
	struct call *call = arg;

	call->ret = call->fn(call);
	call->error = errno;
	__atomic_store_n(&call->done, true, __ATOMIC_RELEASE);
	return NULL;
}

bool call_start(struct call *call)
{
	call->done = false;
	return !pthread_create(&call->thread, NULL, run, call);
}

bool call_ends(struct call *call)
{
	return eventually(__atomic_load_n(&call->done, __ATOMIC_ACQUIRE)) &&
	       !pthread_join(call->thread, NULL);
}

static void ignore(int sig)
{
	(void)sig;
}

/* A single signal might come before the call sleeps. */
bool call_interrupt(struct call *call)
{
	struct sigaction action = { .sa_handler = ignore };

	return !sigaction(SIGUSR1, &action, NULL) &&
	       eventually(__atomic_load_n(&call->done, __ATOMIC_ACQUIRE) ||
			  (pthread_kill(call->thread, SIGUSR1), false));
}

ssize_t call_get(struct call *call)
{
	return bbuf_get(call->queue, call->data, call->len, call->timeout);
}

ssize_t call_put(struct call *call)
{
	return bbuf_put(call->queue, call->data, call->len, call->timeout);
}

ssize_t call_drain(struct call *call)
{
	return bbuf_drain(call->queue);
}

ssize_t call_batch_get(struct call *call)
{
	return bbuf_batch_get(call->queue, call->batch, call->timeout);
}

ssize_t call_batch_put(struct call *call)
{
	return bbuf_batch_put(call->queue, call->batch, call->timeout);
}

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>

bool nothing_leaked(void)
{
	return !__lsan_do_recoverable_leak_check();
}
#else
bool nothing_leaked(void)
{
	return true;
}
#endif
