/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building a sandbox: a table of steps that the init goes through between clone3 and the program.
 *
 * The shared part of the tree (the host's read-only folders, /dev) is mounted once, in the mount namespace of
 * the process that prepares; each sandbox gets a copy of that namespace, adds what is its own and pivots.
 */
#include "supply/sandbox.h"

#include "base/clock.h"
#include "supply/filter.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

/* A folder that every Linux has and that neither a sandbox nor its maker needs. */
#define ROOT "/sys/kernel"
/* Configuration and keys of the gateway itself, hidden wherever they would be visible. */
#define OWN_SETTINGS "/etc/busbar"

enum {
	REPORTS = 3,         /* descriptor of the pipe inside */
	FILES = 4096,        /* open descriptors */
	PAGE = 4096,         /* bytes: size 0 would mean no limit to tmpfs */
	FILE_EACH = 1024,    /* bytes of scratch per file in it, and: */
	FILES_MINIMUM = 256, /* files in scratch at least */
	PATH_SIZE = 256,
	ENVIRONMENT = 4096, /* variables */
	OOM_SCORE = 500,    /* when the host runs out of memory, sandboxes go first */
};

static int mount_at(const char *source, const char *target, const char *type, unsigned long flags,
                    const char *options)
{
	return mount(source, target, type, flags, options) < 0 ? -errno : 0;
}

/* A read-only copy of a host folder and of what is mounted below it. */
static int bind_read_only(const char *source, const char *target)
{
	struct mount_attr attributes = {
	        .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
	        .propagation = MS_PRIVATE,
	};
	int code = mount_at(source, target, NULL, MS_BIND | MS_REC, NULL);

	if (code == 0 && mount_setattr(AT_FDCWD, target, AT_RECURSIVE, &attributes, sizeof(attributes)) < 0)
		code = -errno;
	return code;
}

/* One folder of the host: a link stays a link (/bin on a merged /usr), what is absent stays absent. */
static int share_folder(const char *path)
{
	char target[PATH_SIZE];
	char link[PATH_SIZE];
	struct stat status;
	ssize_t size;

	snprintf(target, sizeof(target), ROOT "%s", path);
	if (lstat(path, &status) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISLNK(status.st_mode))
		return mkdir(target, 0755) < 0 ? -errno : bind_read_only(path, target);
	size = readlink(path, link, sizeof(link) - 1);
	if (size < 0)
		return -errno;
	link[size] = '\0';
	return symlink(link, target) < 0 ? -errno : 0;
}

static int share_folders(void)
{
	static const char *const folders[] = {"/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc"};
	int code = 0;

	for (size_t i = 0; i < ARRAY_SIZE(folders) && code == 0; i++)
		code = share_folder(folders[i]);
	if (code == 0 && access(ROOT OWN_SETTINGS, F_OK) == 0)
		code = mount_at("none", ROOT OWN_SETTINGS, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV,
		                "size=4k,nr_inodes=2,mode=0555");
	return code;
}

static int make_devices(void)
{
	static const struct {
		const char *path;
		unsigned minor;
	} devices[] = {
	        {ROOT "/dev/null", 3},   {ROOT "/dev/zero", 5},    {ROOT "/dev/full", 7},
	        {ROOT "/dev/random", 8}, {ROOT "/dev/urandom", 9},
	};
	static const char *const links[][2] = {
	        {"/proc/self/fd", ROOT "/dev/fd"},
	        {"/proc/self/fd/0", ROOT "/dev/stdin"},
	        {"/proc/self/fd/1", ROOT "/dev/stdout"},
	        {"/proc/self/fd/2", ROOT "/dev/stderr"},
	        {"/tmp", ROOT "/dev/shm"},
	};
	int code = mount_at("none", ROOT "/dev", "tmpfs", MS_NOSUID | MS_NOEXEC,
	                    "size=4k,nr_inodes=32,mode=0755");

	for (size_t i = 0; i < ARRAY_SIZE(devices) && code == 0; i++) {
		if (mknod(devices[i].path, S_IFCHR | 0666, makedev(1, devices[i].minor)) < 0)
			code = -errno;
	}
	for (size_t i = 0; i < ARRAY_SIZE(links) && code == 0; i++) {
		if (symlink(links[i][0], links[i][1]) < 0)
			code = -errno;
	}
	if (code < 0)
		return code;
	return mount_at(NULL, ROOT "/dev", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NOEXEC,
	                NULL);
}

static int make_root(void)
{
	static const char *const folders[] = {
	        ROOT "/dev", ROOT "/proc", ROOT "/service", ROOT "/tmp", ROOT "/scratch",
	};
	int code = mount_at("none", ROOT, "tmpfs", MS_NOSUID | MS_NODEV, "size=64k,nr_inodes=64,mode=0755");

	for (size_t i = 0; i < ARRAY_SIZE(folders) && code == 0; i++) {
		if (mkdir(folders[i], 0755) < 0)
			code = -errno;
	}
	return code;
}

int sandbox_prepare(void)
{
	struct mount_attr private = {.propagation = MS_PRIVATE};
	mode_t mask = umask(0);
	int code = 0;

	/* What the host mounts later is to be seen (a service's folder), what is mounted here never outside.
	 */
	if (unshare(CLONE_NEWNS) < 0)
		code = -errno;
	if (code == 0)
		code = mount_at(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL);
	if (code == 0)
		code = make_root();
	if (code == 0)
		code = share_folders();
	if (code == 0)
		code = make_devices();
	if (code == 0 && mount_setattr(AT_FDCWD, ROOT, AT_RECURSIVE, &private, sizeof(private)) < 0)
		code = -errno;
	if (code == 0)
		code = mount_at(NULL, ROOT, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV,
		                NULL);
	umask(mask);
	return code;
}

/* The steps of the init, each 0 or -errno. */

static int enter_group(const struct sandbox *sandbox)
{
	int code = cgroup_enter(sandbox->group);

	/* Only now, so that the group becomes the root of what the program can see. */
	if (code == 0 && unshare(CLONE_NEWCGROUP) < 0)
		code = -errno;
	return code;
}

static int reset_signals(const struct sandbox *sandbox)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL);
	sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? -errno : 0;
}

static int set_score(const struct sandbox *sandbox)
{
	int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	int code = file < 0 || dprintf(file, "%d", OOM_SCORE) < 0 ? -errno : 0;

	if (file >= 0)
		close(file);
	return code;
}

static int make_own_folder(const char *path, uid_t user)
{
	return mkdir(path, 0700) < 0 || chown(path, user, user) < 0 ? -errno : 0;
}

/* One file system, so that /scratch and /tmp have one size together. */
static int mount_scratch(const struct sandbox *sandbox)
{
	char options[PATH_SIZE];
	int code;

	snprintf(options, sizeof(options), "mode=0755,size=%" PRIu64 ",nr_inodes=%" PRIu64,
	         MAXIMUM(sandbox->scratch, (uint64_t)PAGE), FILES_MINIMUM + sandbox->scratch / FILE_EACH);
	code = mount_at("none", ROOT "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, options);
	if (code == 0)
		code = make_own_folder(ROOT "/tmp/scratch", sandbox->user);
	if (code == 0)
		code = make_own_folder(ROOT "/tmp/tmp", sandbox->user);
	if (code == 0)
		code = mount_at(ROOT "/tmp/scratch", ROOT "/scratch", NULL, MS_BIND, NULL);
	if (code == 0)
		code = mount_at(ROOT "/tmp/tmp", ROOT "/tmp", NULL, MS_BIND, NULL);
	return code;
}

static int mount_process_folder(const struct sandbox *sandbox)
{
	return mount_at("proc", ROOT "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
}

static int mount_service(const struct sandbox *sandbox)
{
	return sandbox->folder == NULL ? 0 : bind_read_only(sandbox->folder, ROOT "/service");
}

static int change_root(const struct sandbox *sandbox)
{
	if (chdir(ROOT) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		return -errno;
	/* The old root now lies on the new one. */
	if (umount2(".", MNT_DETACH) < 0 || chdir("/scratch") < 0)
		return -errno;
	return 0;
}

static int set_host_name(const struct sandbox *sandbox)
{
	return sethostname("busbar", strlen("busbar")) < 0 ? -errno : 0;
}

/* The daemon's keys must not be reachable through an inherited session keyring. */
static int leave_keyring(const struct sandbox *sandbox)
{
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS)
		return -errno;
	return 0;
}

static int limit(int resource, rlim_t value)
{
	struct rlimit limits;

	if (getrlimit(resource, &limits) < 0)
		return -errno;
	limits.rlim_max = MINIMUM(limits.rlim_max, value);
	limits.rlim_cur = limits.rlim_max;
	return setrlimit(resource, &limits) < 0 ? -errno : 0;
}

static int set_limits(const struct sandbox *sandbox)
{
	int code = limit(RLIMIT_CORE, 0);

	if (code == 0)
		code = limit(RLIMIT_NOFILE, FILES);
	if (code == 0)
		code = limit(RLIMIT_FSIZE, sandbox->file_maximum);
	return code;
}

static int drop_privileges(const struct sandbox *sandbox)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

	for (unsigned long capability = 0; prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0;)
		capability++;
	if (errno != EINVAL) /* past the last capability */
		return -errno;
	if (setgroups(0, NULL) < 0 || setresgid(sandbox->user, sandbox->user, sandbox->user) < 0 ||
	    setresuid(sandbox->user, sandbox->user, sandbox->user) < 0)
		return -errno;
	if (syscall(SYS_capset, &header, none) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

/* After the change of user, which clears it. */
static int follow_parent(const struct sandbox *sandbox)
{
	struct pollfd reports = {.fd = REPORTS};

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	/* The parent may have ended just before: then nobody reads the reports. */
	if (poll(&reports, 1, 0) > 0 && (reports.revents & POLLERR) != 0)
		return -EPIPE;
	return 0;
}

static const struct {
	const char *name;
	int (*act)(const struct sandbox *sandbox);
} steps[] = {
        {"control group", enter_group}, {"signals", reset_signals},      {"oom score", set_score},
        {"scratch", mount_scratch},     {"/proc", mount_process_folder}, {"/service", mount_service},
        {"root", change_root},          {"host name", set_host_name},    {"keyring", leave_keyring},
        {"limits", set_limits},         {"privileges", drop_privileges}, {"parent", follow_parent},
};

static void report(enum sandbox_report_kind kind, int value, const char *step)
{
	struct sandbox_report message = {.kind = kind, .value = value, .at = clock_monotonic(&clock_system)};
	ssize_t size;

	snprintf(message.step, sizeof(message.step), "%s", step);
	size = write(REPORTS, &message, sizeof(message));
	(void)size; /* nobody reads: the parent is gone, and the kernel ends us */
}

/* 0, 1, 2 and the reports; nothing else of the maker's descriptors. */
static int take_descriptors(const struct sandbox *sandbox, int reports)
{
	int own = fcntl(reports, F_DUPFD_CLOEXEC, REPORTS);
	const int wanted[] = {sandbox->input, sandbox->output, sandbox->problems};

	if (own < 0)
		return -errno;
	for (int i = 0; i < REPORTS; i++) {
		if (dup2(wanted[i], i) < 0)
			return -errno;
	}
	if (own != REPORTS && dup3(own, REPORTS, O_CLOEXEC) < 0)
		return -errno;
	return close_range(REPORTS + 1, ~0U, 0) < 0 ? -errno : 0;
}

static bool is_set(const char *const *environment, const char *assignment)
{
	size_t length = (size_t)(strchr(assignment, '=') - assignment) + 1;

	for (; environment != NULL && *environment != NULL; environment++) {
		if (strncmp(*environment, assignment, length) == 0)
			return true;
	}
	return false;
}

/* The given variables, after ours where they are not given. */
static void execute(const struct sandbox *sandbox)
{
	static const char *const defaults[] = {
	        "PATH=/usr/local/bin:/usr/bin:/bin",
	        "HOME=/scratch",
	        "TMPDIR=/tmp",
	        "LANG=C.UTF-8",
	};
	const char *environment_of_program[ENVIRONMENT + ARRAY_SIZE(defaults) + 1];
	const char **variable = environment_of_program;
	const char *const *given = sandbox->environment;
	int code;

	for (size_t i = 0; i < ARRAY_SIZE(defaults); i++) {
		if (!is_set(given, defaults[i]))
			*variable++ = defaults[i];
	}
	for (int i = 0; given != NULL && given[i] != NULL && i < ENVIRONMENT; i++)
		*variable++ = given[i];
	*variable = NULL;
	environ = (char **)environment_of_program;
	(void)setsid();
	code = filter_install();
	if (code < 0) {
		report(SANDBOX_FAILED, code, "filter");
		_exit(EXIT_FAILURE);
	}
	(void)execvp(sandbox->arguments[0], (char *const *)sandbox->arguments);
	report(SANDBOX_UNUSABLE, -errno, "execute");
	_exit(127);
}

/* A fork whose parent sleeps until the child has executed its program or ended. */
static pid_t fork_and_wait(void)
{
	struct clone_args arguments = {.flags = CLONE_VFORK, .exit_signal = SIGCHLD};
	return (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
}

static int run_program(const struct sandbox *sandbox)
{
	int status = 0;
	pid_t ended;
	pid_t program = fork_and_wait();

	if (program < 0)
		return -errno;
	if (program == 0)
		execute(sandbox);
	report(SANDBOX_STARTED, 0, "execute");
	/* Readers of the program's pipes must see their end when the program ends, not we. */
	for (int i = 0; i < REPORTS; i++)
		close(i);
	do {
		ended = waitpid(-1, &status, 0);
	} while (ended != program && !(ended < 0 && errno == ECHILD));
	report(SANDBOX_EXITED, status, "wait");
	return 0;
}

__attribute__((noreturn)) static void init(const struct sandbox *sandbox, int reports)
{
	/* The group's files are reached by descriptors that are closed next. */
	int code = steps[0].act(sandbox);
	const char *step = steps[0].name;
	int taken = take_descriptors(sandbox, reports);

	if (taken < 0)
		_exit(EXIT_FAILURE);
	for (size_t i = 1; i < ARRAY_SIZE(steps) && code == 0; i++) {
		step = steps[i].name;
		code = steps[i].act(sandbox);
	}
	if (code == 0) {
		step = "fork";
		code = run_program(sandbox);
	}
	if (code < 0)
		report(SANDBOX_FAILED, code, step);
	_exit(code < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

int sandbox_start(const struct sandbox *sandbox, struct sandbox_process *ret_process)
{
	int process = -1;
	int group = cgroup_descriptor(sandbox->group);
	struct clone_args arguments = {
	        .flags =
	                CLONE_PIDFD | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS,
	        .pidfd = (uint64_t)(uintptr_t)&process,
	        .exit_signal = SIGCHLD,
	};
	int reports[2];
	long child;
	int code = 0;

	if (pipe2(reports, O_CLOEXEC | O_NONBLOCK) < 0) {
		code = -errno;
		goto out;
	}
	if (group >= 0) {
		arguments.flags |= CLONE_INTO_CGROUP;
		arguments.cgroup = (uint64_t)group;
	}
	child = syscall(SYS_clone3, &arguments, sizeof(arguments));
	if (child == 0)
		init(sandbox, reports[1]);
	if (child < 0)
		code = -errno;
	close(reports[1]);
	if (code == 0)
		*ret_process = (struct sandbox_process){.process = process, .reports = reports[0]};
	else
		close(reports[0]);
out:
	if (group >= 0)
		close(group);
	return code;
}

void sandbox_kill(const struct sandbox_process *process)
{
	(void)pidfd_send_signal(process->process, SIGKILL, NULL, 0);
}

int sandbox_collect(const struct sandbox_process *process)
{
	siginfo_t information = {0};

	if (waitid(P_PIDFD, (id_t)process->process, &information, WEXITED | WNOHANG) < 0)
		return -errno;
	return information.si_pid == 0 ? -EAGAIN : 0;
}
