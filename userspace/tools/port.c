// SPDX-License-Identifier: GPL-2.0-only
/*
 * One end of a queue, metered. See port.h.
 *
 * Whether a call slept is not something that the kernel tells, so it is inferred:
 * a thread that sleeps gives up its CPU, and getrusage(RUSAGE_THREAD) counts how
 * often a thread did that of its own will (ru_nvcsw). A call during which that count
 * grew has slept, and the time from its start to its return was spent asleep, less the
 * little that the call itself takes. Preemption is not counted; waiting for a lock
 * inside the kernel is. It costs two getrusage() calls around each call.
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

#include "common.h"
#include "port.h"

static const char *const mode_names[MODE_COUNT] = {
	[MODE_BLOCK] = "block",
	[MODE_NONBLOCK] = "nonblock",
	[MODE_POLL] = "poll",
	[MODE_EPOLL] = "epoll",
};

const char *port_mode_name(enum port_mode mode)
{
	return mode_names[mode];
}

enum port_mode arg_mode(struct argp_state *state, const char *arg)
{
	enum port_mode mode;

	for (mode = 0; mode < MODE_COUNT; mode++)
		if (!strcmp(arg, mode_names[mode]))
			return mode;
	argp_error(state, "--mode=%s: must be block, nonblock, poll or epoll", arg);
	return MODE_BLOCK;
}

/* What is noted before a call and compared after it. */
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

/* Looks at the clock last, nearest to the call. */
static struct sample sample_before(void)
{
	struct sample sample;

	sample.switches = switches_so_far();
	sample.ns = now_ns();
	return sample;
}

/* Looks at the clock first. */
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

void port_open(struct port *port, const char *path, int flags, enum port_mode mode,
	       const atomic_bool *stop)
{
	struct epoll_event event;

	*port = (struct port){
		.epfd = -1,
		.mode = mode,
		.events = flags == O_WRONLY ? POLLOUT : POLLIN,
		.stop = stop,
	};
	port->fd = device_open(path, flags | (mode == MODE_BLOCK ? 0 : O_NONBLOCK));
	if (mode != MODE_EPOLL)
		return;

	event = (struct epoll_event){ .events = flags == O_WRONLY ? EPOLLOUT : EPOLLIN };
	port->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (port->epfd < 0 || epoll_ctl(port->epfd, EPOLL_CTL_ADD, port->fd, &event))
		err(EXIT_FAILURE, "%s: epoll", path);
}

void port_close(struct port *port)
{
	if (port->epfd >= 0)
		close(port->epfd);
	close(port->fd);
}

/* Waits as the mode says. False: errno says why waiting ended. */
static bool port_wait(struct port *port)
{
	struct pollfd pollfd = { .fd = port->fd, .events = port->events };
	struct epoll_event event;
	struct sample before, after;
	int ret, error;

	if (port->mode == MODE_NONBLOCK)
		return true;

	before = sample_before();
	if (port->mode == MODE_EPOLL)
		ret = epoll_wait(port->epfd, &event, 1, -1);
	else
		ret = poll(&pollfd, 1, -1);
	error = errno;
	after = sample_after();
	meter_call(&port->meter, &before, &after);
	port->meter.polls++;
	errno = error;
	return ret > 0 || errno == EINTR;
}

static void port_moved(struct port *port, size_t n, uint64_t began_ns, uint64_t ended_ns)
{
	struct meter *meter = &port->meter;

	meter->bytes += n;
	meter->last_ns = ended_ns;
	if (!meter->first_ns)
		meter->first_ns = port->events == POLLIN ? ended_ns : began_ns;
}

/* One call. Exactly one of @in and @out is given. */
static ssize_t port_call(struct port *port, void *in, const void *out, size_t n)
{
	struct sample before = sample_before(), after;
	ssize_t ret = in ? read(port->fd, in, n) : write(port->fd, out, n);
	int error = errno;

	after = sample_after();
	meter_call(&port->meter, &before, &after);
	port->meter.calls++;
	if (ret > 0)
		port_moved(port, ret, before.ns, after.ns);
	else if (ret < 0 && error == EAGAIN)
		port->meter.eagains++;
	errno = error;
	return ret;
}

/* Calls until one moves something. */
static ssize_t port_move(struct port *port, void *in, const void *out, size_t n)
{
	ssize_t ret;

	while (!atomic_load(port->stop)) {
		ret = port_call(port, in, out, n);
		if (ret >= 0)
			return ret;
		if (errno == EAGAIN ? !port_wait(port) : errno != EINTR)
			return -1;
	}
	errno = EINTR;
	return -1;
}

/* Returns 1 to n bytes, 0 at the end of file, or -1: EINTR when told to stop. */
ssize_t port_read(struct port *port, void *buf, size_t n)
{
	return port_move(port, buf, NULL, n);
}

ssize_t port_write(struct port *port, const void *buf, size_t n)
{
	return port_move(port, NULL, buf, n);
}
