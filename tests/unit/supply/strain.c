/* SPDX-License-Identifier: Apache-2.0 */
/* What a sandbox is tried with. Usage: strain WHAT [ARGUMENT]; what it finds it says on standard output. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int eat_memory(const char *argument)
{
	size_t size = (size_t)atol(argument) << 20;
	volatile char *memory = malloc(size);

	for (size_t i = 0; memory != NULL && i < size; i += 4096)
		memory[i] = 1;
	return memory == NULL;
}

static int burn(const char *argument)
{
	struct timespec start, now;
	long milliseconds = atol(argument);

	clock_gettime(CLOCK_MONOTONIC, &start);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < milliseconds);
	return 0;
}

static int breed(const char *argument)
{
	int wanted = atoi(argument), born = 0;

	while (born < wanted) {
		pid_t child = fork();

		if (child == 0) {
			pause();
			_exit(0);
		}
		if (child < 0)
			break;
		born++;
	}
	printf("%d\n", born);
	return 0;
}

static int write_much(const char *argument)
{
	char block[4096];

	memset(block, 'x', sizeof(block));
	for (long i = 0; i < atol(argument) * 256; i++)
		if (fwrite(block, sizeof(block), 1, stdout) != 1)
			return 1;
	return fflush(stdout) != 0;
}

static int connect_out(const char *argument)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(53)};
	int descriptor = socket(AF_INET, SOCK_STREAM, 0);

	inet_pton(AF_INET, argument, &address.sin_addr);
	if (descriptor < 0 || connect(descriptor, (struct sockaddr *)&address, sizeof(address)) < 0) {
		printf("%s\n", strerror(errno));
		return 0;
	}
	puts("connected");
	return 0;
}

static int count_processes(const char *argument)
{
	DIR *folder = opendir("/proc");
	struct dirent *entry;
	int count = 0;

	while (folder != NULL && (entry = readdir(folder)) != NULL)
		count += entry->d_name[0] >= '0' && entry->d_name[0] <= '9';
	if (folder != NULL)
		closedir(folder);
	printf("%d\n", count);
	return 0;
}

static int count_descriptors(const char *argument)
{
	int count = 0;

	for (int i = 0; i < 1024; i++)
		count += fcntl(i, F_GETFD) >= 0;
	printf("%d\n", count);
	return 0;
}

/* With a descriptor number: writes to that; else to a new file of this name. */
static int fill(const char *argument)
{
	static char block[65536];
	int number = atoi(argument);
	int descriptor = number > 0 ? number : open(argument, O_WRONLY | O_CREAT, 0600);
	ssize_t written;
	long size = 0;

	while ((written = write(descriptor, block, sizeof(block))) > 0)
		size += written;
	printf("%ld %s\n", size, strerror(errno));
	return 1;
}

static int make_namespace(const char *argument)
{
	puts(unshare(CLONE_NEWUSER) < 0 ? strerror(errno) : "made");
	return 0;
}

/* The root of a user namespace by clone, and by the system call whose flags a filter cannot see. */
static int clone_namespace(const char *argument)
{
	pid_t child = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, 0UL);

	if (child == 0)
		_exit(0);
	printf("%s, ", child < 0 ? strerror(errno) : "made");
	puts(syscall(SYS_clone3, NULL, 0) < 0 ? strerror(errno) : "made");
	return 0;
}

static int attack_init(const char *argument)
{
	int memory = open("/proc/1/mem", O_RDONLY);

	printf("%s, ", memory < 0 ? strerror(errno) : "memory open");
	(void)kill(1, SIGKILL);
	(void)kill(1, SIGTERM);
	puts(ptrace(PTRACE_ATTACH, 1, NULL, NULL) < 0 ? strerror(errno) : "attached");
	return 0;
}

static int end_by_abort(const char *argument)
{
	abort();
}

/* Children whose parent has ended: somebody has to collect them, or the process limit fills up. */
static int orphan(const char *argument)
{
	for (int i = 0; i < atoi(argument); i++) {
		pid_t child = fork();

		if (child < 0)
			return 1;
		if (child == 0) {
			(void)fork();
			_exit(0);
		}
		waitpid(child, NULL, 0);
	}
	puts("collected");
	return 0;
}

static int try_write(const char *argument)
{
	int descriptor = open(argument, O_WRONLY | O_CREAT, 0600);

	puts(descriptor < 0 ? strerror(errno) : "written");
	return 0;
}

static int try_read(const char *argument)
{
	int descriptor = open(argument, O_RDONLY);

	puts(descriptor < 0 ? strerror(errno) : "read");
	return 0;
}

static const struct {
	const char *name;
	int (*run)(const char *argument);
} strains[] = {
        {"memory", eat_memory},
        {"burn", burn},
        {"breed", breed},
        {"write", write_much},
        {"connect", connect_out},
        {"processes", count_processes},
        {"descriptors", count_descriptors},
        {"open", try_write},
        {"read", try_read},
        {"fill", fill},
        {"namespace", make_namespace},
        {"clone", clone_namespace},
        {"init", attack_init},
        {"abort", end_by_abort},
        {"orphan", orphan},
};

int main(int count, char **arguments)
{
	for (size_t i = 0; count > 1 && i < sizeof(strains) / sizeof(strains[0]); i++)
		if (strcmp(strains[i].name, arguments[1]) == 0)
			return strains[i].run(count > 2 ? arguments[2] : "0");
	return 2;
}
