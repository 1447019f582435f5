// SPDX-License-Identifier: GPL-2.0-only
/*
 * Coroutines, with ucontext. See coroutine.h.
 *
 * A context is what a CPU needs to continue somewhere: its registers, including the stack
 * pointer and the program counter. swapcontext() saves the current context and loads another
 * one; that is all there is to a switch. It also sets the signal mask, although it is the same
 * here: one system call for each switch.
 */
#include <err.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "common/alloc.h"
#include "coroutine.h"

/* Pages are allocated when they are touched, so a large stack costs nothing. */
#define STACK_SIZE	(64 * 1024)

/**
 * struct coroutine - a function that can be suspended
 * @context: where it continues, while it is suspended
 * @resumer: where its resumer continues, while it runs
 * @run: the function
 * @arg: argument for @run
 * @memory: its stack, above a guard page: a stack overflow ends the program
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

/* The coroutine that runs. Coroutines may resume others; this is the innermost one. */
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

/* Entry point of each coroutine. Returning from here continues at @resumer. */
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
