// SPDX-License-Identifier: GPL-2.0-only
/*
 * Coroutines, by ucontext. See coroutine.h.
 *
 * A context is what a CPU must know to go on somewhere: its registers, among them the
 * stack pointer and the place in the code. swapcontext() saves those that it has and
 * loads others, which is all that a switch is. It also asks the kernel to change the
 * signal mask, although it is the same here: one system call for each switch.
 */
#include <err.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "common.h"
#include "coroutine.h"

/* Pages are there once they are touched, so that a deep stack costs no more. */
#define STACK_SIZE	(64 * 1024)

/**
 * struct coroutine - a function that can stop
 * @context: where it goes on, while it is stopped
 * @resumer: where its resumer goes on, while it runs
 * @run: the function
 * @arg: for @run
 * @memory: its stack, above a page that faults: to run out of stack ends the program
 * @done: @run has returned
 */
struct coroutine {
	ucontext_t context;
	ucontext_t resumer;
	void (*run)(void *arg);
	void *arg;
	char *memory;
	bool done;
};

/* The one that runs. One may resume another, so this is the innermost. */
static _Thread_local struct coroutine *current;

static size_t guard_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

static char *stack_new(void)
{
	char *memory = mmap(NULL, guard_size() + STACK_SIZE, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);

	if (memory == MAP_FAILED ||
	    mprotect(memory + guard_size(), STACK_SIZE, PROT_READ | PROT_WRITE))
		err(EXIT_FAILURE, "memory for a stack");
	return memory;
}

/* Where each begins. To return from here is to go on at @resumer. */
static void begin(void)
{
	struct coroutine *self = current;

	self->run(self->arg);
	self->done = true;
}

struct coroutine *coroutine_new(void (*run)(void *arg), void *arg)
{
	struct coroutine *self = xcalloc(1, sizeof(*self));

	self->run = run;
	self->arg = arg;
	self->memory = stack_new();
	if (getcontext(&self->context))
		err(EXIT_FAILURE, "getcontext");
	self->context.uc_stack.ss_sp = self->memory + guard_size();
	self->context.uc_stack.ss_size = STACK_SIZE;
	self->context.uc_link = &self->resumer;
	makecontext(&self->context, begin, 0);
	return self;
}

static void swap(ucontext_t *save, const ucontext_t *load)
{
	if (swapcontext(save, load))
		err(EXIT_FAILURE, "swapcontext");
}

bool coroutine_resume(struct coroutine *self)
{
	struct coroutine *outer = current;

	current = self;
	swap(&self->resumer, &self->context);
	current = outer;
	return !self->done;
}

void coroutine_yield(void)
{
	struct coroutine *self = current;

	swap(&self->context, &self->resumer);
}

bool coroutine_done(const struct coroutine *self)
{
	return self->done;
}

void coroutine_free(struct coroutine *self)
{
	munmap(self->memory, guard_size() + STACK_SIZE);
	free(self);
}
