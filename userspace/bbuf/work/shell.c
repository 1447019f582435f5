// SPDX-License-Identifier: GPL-2.0-only
/*
 * Detection of records that a shell would run as code. See shell.h.
 */
#include <stdbool.h>
#include <string.h>

#include "common/macros.h"
#include "plan.h"
#include "shell.h"

static bool is_shell(const char *word)
{
	static const char *const names[] = {
		"sh", "bash", "rbash", "dash", "ash", "ksh", "mksh", "zsh", "fish", "csh", "tcsh",
	};
	const char *name = basename(word);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

static bool is_option(const char *word)
{
	return word && (*word == '-' || *word == '+') && word[1];
}

/*
 * Find the string that a shell takes as code, given its arguments. Returns NULL if there is
 * none. With -c, which may be combined as in -euc, it is the first argument that is not an
 * option; -o and -O take an argument of their own.
 */
static const char *code_of_shell(char **words)
{
	bool code = false;

	for (; is_option(*words); words++) {
		if (!strcmp(*words, "--")) {
			words++;
			break;
		}
		if (!strncmp(*words, "--", 2))
			continue;
		code |= **words == '-' && strchr(*words, 'c');
		if (strpbrk(*words, "oO") && words[1])
			words++;
	}
	return code ? *words : NULL;
}

/*
 * Name of the first shell in a command, also behind env or sudo, whose code contains the record;
 * NULL if there is none.
 */
const char *shell_with_record(char **command)
{
	const char *code;

	for (; *command; command++) {
		code = is_shell(*command) ? code_of_shell(command + 1) : NULL;
		if (code && strstr(code, PLACEHOLDER))
			return *command;
	}
	return NULL;
}
