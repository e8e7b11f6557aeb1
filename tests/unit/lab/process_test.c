/* SPDX-License-Identifier: Apache-2.0 */
/* Environments, exit codes, programs that cannot be run, measurements. */
#include "../../t.h"

#include "base/clock.h"
#include "lab/process.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const path_only[] = {"PATH=/usr/bin:/bin", NULL};

static int run(const char *const *arguments, const char *folder, char *output, size_t size)
{
	struct process process = {arguments, path_only, folder, -1, {-1, -1, -1}, -1};
	int ends[2], wait_status;
	size_t used = 0;
	ssize_t got;
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	process.files[1] = process.files[2] = ends[1];
	pid = process_start(&process);
	T_TRUE(pid > 0);
	close(ends[1]);
	while (used + 1 < size && (got = read(ends[0], output + used, size - used - 1)) > 0)
		used += (size_t)got;
	output[used] = '\0';
	close(ends[0]);
	T_EQ(waitpid(pid, &wait_status, 0), pid);
	return process_exit_code(wait_status);
}

static void output_and_status(void **state)
{
	const char *const shell[] = {"sh", "-c", "pwd; echo $PATH; exit 3", NULL};
	const char *const signal[] = {"sh", "-c", "kill -TERM $$", NULL};
	char output[256];

	T_EQ(run(shell, "/usr", output, sizeof(output)), 3);
	T_TEXT(output, "/usr\n/usr/bin:/bin\n");
	T_EQ(run(signal, "/", output, sizeof(output)), 128 + 15);
}

static void cannot_run(void **state)
{
	const char *const absent[] = {"/nonexistent/program", NULL};
	const char *const folder[] = {"/usr", NULL};
	const char *const fine[] = {"true", NULL};
	char output[256];

	T_EQ(run(absent, "/", output, sizeof(output)), PROCESS_NOT_FOUND);
	T_TRUE(strstr(output, "cannot run '/nonexistent/program'"));
	T_EQ(run(folder, "/", output, sizeof(output)), PROCESS_CANNOT_RUN);
	T_EQ(run(fine, "/nonexistent", output, sizeof(output)), PROCESS_NOT_FOUND);
	T_TRUE(strstr(output, "cannot enter '/nonexistent'"));
}

static void nothing_is_inherited(void **state)
{
	const char *const arguments[] = {"sh", "-c", "ls /proc/self/fd | wc -l", NULL};
	char output[64];

	T_EQ(run(arguments, "/", output, sizeof(output)), 0);
	/* 0, 1, 2 and the folder that ls reads. */
	T_EQ(strtol(output, NULL, 10), 4);
}

static void environments(void **state)
{
	const char *const base[] = {"A=1", "AB=2", "B=3", NULL};
	const struct process_variable variables[] = {{"A", "x"}, {"C", "y z"}};
	struct arena *arena = arena_create(1 << 16);
	const char **environment = process_environment(arena, base, variables, 2);

	T_TEXT(environment[0], "AB=2");
	T_TEXT(environment[1], "B=3");
	T_TEXT(environment[2], "A=x");
	T_TEXT(environment[3], "C=y z");
	T_TRUE(environment[4] == NULL);
	arena_free(arena);
	arena = arena_create(16);
	T_TRUE(process_environment(arena, base, variables, 2) == NULL);
	arena_free(arena);
}

static void measurements(void **state)
{
	const char *const good[] = {"sh", "-c", "echo 12.5; cat /dev/null", NULL};
	const char *const word[] = {"echo", "fast", NULL};
	const char *const failing[] = {"sh", "-c", "echo 3; exit 1", NULL};
	const char *const endless[] = {"sh", "-c", "echo 3; cat /dev/zero", NULL};
	const char *const silent[] = {"sh", "-c", "while :; do :; done", NULL};
	double value = 7;

	T_OK(process_measure(good, 10 * CLOCK_SECOND, &value));
	T_TRUE(value > 12.4 && value < 12.6);
	T_ERROR(process_measure(word, 10 * CLOCK_SECOND, &value), BUSBAR_ERROR_BAD_VALUE);
	T_ERROR(process_measure(failing, 10 * CLOCK_SECOND, &value), BUSBAR_ERROR_EXECUTION);
	T_ERROR(process_measure(endless, 50 * CLOCK_MILLISECOND, &value), BUSBAR_ERROR_TIME_LIMIT);
	T_ERROR(process_measure(silent, 50 * CLOCK_MILLISECOND, &value), BUSBAR_ERROR_TIME_LIMIT);
	T_TRUE(value > 12.4 && value < 12.6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(output_and_status),    cmocka_unit_test(cannot_run),
	        cmocka_unit_test(nothing_is_inherited), cmocka_unit_test(environments),
	        cmocka_unit_test(measurements),
	};

	return T_RUN(tests);
}
