// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records that would be run by a shell. See shell.h.
 */
#include <stdbool.h>
#include <string.h>

#include "../command.h"
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
 * The string that a shell takes as code, from what follows its name; NULL if it is given none.
 * It is the first argument that is no option, if -c is among the options, also as in -euc;
 * -o and -O have an argument themselves.
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
 * The name of the first shell in a command, also behind env or sudo, that gets the record as a
 * part of its code; NULL if there is none.
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
