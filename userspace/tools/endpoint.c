// SPDX-License-Identifier: GPL-2.0-only
/*
 * An endpoint with statistics. See endpoint.h.
 *
 * The kernel does not tell whether a call slept, so it is inferred: a thread that sleeps yields
 * its CPU, and getrusage(RUSAGE_THREAD) counts voluntary context switches (ru_nvcsw). A call
 * during which the count grew has slept, and its duration counts as time asleep, which includes
 * the short time that the call itself takes. Preemption is not counted; waiting for a lock
 * inside the kernel is. The cost is two getrusage() calls for each call.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/macros.h"
#include "common/settings.h"
#include "device.h"
#include "endpoint.h"

static const char *const mode_names[MODE_COUNT] = {
	[MODE_BLOCK] = "block",
	[MODE_NONBLOCK] = "nonblock",
	[MODE_POLL] = "poll",
	[MODE_EPOLL] = "epoll",
};

const char *endpoint_mode_name(enum endpoint_mode mode)
{
	return mode_names[mode];
}

void set_mode(struct argp_state *state, const struct setting *setting, char *arg)
{
	enum endpoint_mode *mode = setting->into;

	for (*mode = 0; *mode < MODE_COUNT; ++*mode)
		if (!strcmp(arg, mode_names[*mode]))
			return;
	argp_error(state, "--%s=%s: must be block, nonblock, poll or epoll", setting->name, arg);
}

/* Values taken before a call and compared after it. */
struct sample {
	uint64_t ns;
	uint64_t switches;
};

static uint64_t switches_so_far(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nvcsw;
}

/* Read the clock last, closest to the call. */
static struct sample sample_before(void)
{
	struct sample sample;

	sample.switches = switches_so_far();
	sample.ns = now_ns();
	return sample;
}

/* Read the clock first, closest to the call. */
static struct sample sample_after(void)
{
	struct sample sample;

	sample.ns = now_ns();
	sample.switches = switches_so_far();
	return sample;
}

static void meter_call(struct meter *meter, const struct sample *before,
		       const struct sample *after)
{
	if (after->switches == before->switches)
		return;
	meter->switches += after->switches - before->switches;
	meter->sleeps++;
	meter->asleep_ns += after->ns - before->ns;
}

/* first_ns and last_ns become those of the whole group. */
void meter_add(struct meter *sum, const struct meter *meter)
{
	sum->bytes += meter->bytes;
	sum->items += meter->items;
	sum->calls += meter->calls;
	sum->polls += meter->polls;
	sum->eagains += meter->eagains;
	sum->sleeps += meter->sleeps;
	sum->asleep_ns += meter->asleep_ns;
	sum->switches += meter->switches;
	if (meter->first_ns && (!sum->first_ns || meter->first_ns < sum->first_ns))
		sum->first_ns = meter->first_ns;
	sum->last_ns = MAX(sum->last_ns, meter->last_ns);
}

void endpoint_open(struct endpoint *endpoint, const char *path, int flags, enum endpoint_mode mode,
		   const atomic_bool *stop)
{
	struct epoll_event event;

	*endpoint = (struct endpoint){
		.epfd = -1,
		.mode = mode,
		.events = flags == O_WRONLY ? POLLOUT : POLLIN,
		.stop = stop,
	};
	endpoint->fd = device_open(path, flags | (mode == MODE_BLOCK ? 0 : O_NONBLOCK));
	if (mode != MODE_EPOLL)
		return;

	event = (struct epoll_event){ .events = flags == O_WRONLY ? EPOLLOUT : EPOLLIN };
	endpoint->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (endpoint->epfd < 0 || epoll_ctl(endpoint->epfd, EPOLL_CTL_ADD, endpoint->fd, &event))
		err(EXIT_FAILURE, "%s: epoll", path);
}

void endpoint_close(struct endpoint *endpoint)
{
	if (endpoint->epfd >= 0)
		close(endpoint->epfd);
	close(endpoint->fd);
}

/* Wait as the mode requires. Returns false and sets errno if that fails. */
static bool endpoint_wait(struct endpoint *endpoint)
{
	struct pollfd pollfd = { .fd = endpoint->fd, .events = endpoint->events };
	struct epoll_event event;
	struct sample before, after;
	int ret, error;

	if (endpoint->mode == MODE_NONBLOCK)
		return true;

	before = sample_before();
	if (endpoint->mode == MODE_EPOLL)
		ret = epoll_wait(endpoint->epfd, &event, 1, -1);
	else
		ret = poll(&pollfd, 1, -1);
	error = errno;
	after = sample_after();
	meter_call(&endpoint->meter, &before, &after);
	endpoint->meter.polls++;
	errno = error;
	return ret > 0 || errno == EINTR;
}

static void endpoint_moved(struct endpoint *endpoint, size_t n, uint64_t began_ns,
			   uint64_t ended_ns)
{
	struct meter *meter = &endpoint->meter;

	meter->bytes += n;
	meter->last_ns = ended_ns;
	if (!meter->first_ns)
		meter->first_ns = endpoint->events == POLLIN ? ended_ns : began_ns;
}

/* Make one call. Exactly one of @in and @out is given. */
static ssize_t endpoint_call(struct endpoint *endpoint, void *in, const void *out, size_t n)
{
	struct sample before = sample_before(), after;
	ssize_t ret = in ? read(endpoint->fd, in, n) : write(endpoint->fd, out, n);
	int error = errno;

	after = sample_after();
	meter_call(&endpoint->meter, &before, &after);
	endpoint->meter.calls++;
	if (ret > 0)
		endpoint_moved(endpoint, ret, before.ns, after.ns);
	else if (ret < 0 && error == EAGAIN)
		endpoint->meter.eagains++;
	errno = error;
	return ret;
}

/* Repeat the call until it moves bytes. */
static ssize_t endpoint_move(struct endpoint *endpoint, void *in, const void *out, size_t n)
{
	ssize_t ret;

	while (!atomic_load(endpoint->stop)) {
		ret = endpoint_call(endpoint, in, out, n);
		if (ret >= 0)
			return ret;
		if (errno == EAGAIN ? !endpoint_wait(endpoint) : errno != EINTR)
			return -1;
	}
	errno = EINTR;
	return -1;
}

/* Returns 1 to n bytes, 0 at EOF, or -1; errno is EINTR after a request to stop. */
ssize_t endpoint_read(struct endpoint *endpoint, void *buf, size_t n)
{
	return endpoint_move(endpoint, buf, NULL, n);
}

ssize_t endpoint_write(struct endpoint *endpoint, const void *buf, size_t n)
{
	return endpoint_move(endpoint, NULL, buf, n);
}
