/* SPDX-License-Identifier: Apache-2.0 */
/* busbar: the command of the computing power network. */
#include "cli/command.h"

int main(int count, char *words[])
{
	return command_main(count > 0 ? (size_t)count - 1 : 0, words + (count > 0), stdout);
}
