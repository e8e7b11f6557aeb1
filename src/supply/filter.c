/* SPDX-License-Identifier: Apache-2.0 */
/* The filter as a classic BPF program (seccomp(2)), assembled from a table of system calls. */
#include "supply/filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "the system call filter does not know this processor"
#endif

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ANSWER(value) BPF_STMT(BPF_RET | BPF_K, value)
/* The next instruction only when the loaded word is `value`. */
#define WHEN(value) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1)

static const uint32_t refused[] = {
        SYS_unshare,           SYS_setns,         SYS_mount,           SYS_umount2,
        SYS_pivot_root,        SYS_move_mount,    SYS_open_tree,       SYS_fsopen,
        SYS_fsmount,           SYS_fspick,        SYS_mount_setattr,   SYS_bpf,
        SYS_perf_event_open,   SYS_userfaultfd,   SYS_keyctl,          SYS_add_key,
        SYS_request_key,       SYS_kexec_load,    SYS_kexec_file_load, SYS_init_module,
        SYS_finit_module,      SYS_delete_module, SYS_io_uring_setup,  SYS_open_by_handle_at,
        SYS_name_to_handle_at,
};

enum { REFUSED = sizeof(refused) / sizeof(refused[0]), FIXED = 13 };

int filter_install(void)
{
	/* clone3 has its flags in memory, where a filter cannot look: without it the C library uses clone. */
	const struct sock_filter head[] = {
	        LOAD(arch),
	        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
	        ANSWER(SECCOMP_RET_KILL_PROCESS),
	        LOAD(nr),
	        /* x32 calls are numbered from here and would pass by the table. */
	        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),
	        ANSWER(SECCOMP_RET_ERRNO | ENOSYS),
	        WHEN(SYS_clone3),
	        ANSWER(SECCOMP_RET_ERRNO | ENOSYS),
	};
	const struct sock_filter tail[] = {
	        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
	        LOAD(args[0]),
	        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_NEWUSER, 0, 1),
	        ANSWER(SECCOMP_RET_ERRNO | EPERM),
	        ANSWER(SECCOMP_RET_ALLOW),
	};
	struct sock_filter instructions[FIXED + 2 * REFUSED];
	struct sock_fprog program = {.len = FIXED + 2 * REFUSED, .filter = instructions};
	struct sock_filter *next = instructions;

	_Static_assert(sizeof(head) + sizeof(tail) == FIXED * sizeof(struct sock_filter),
	               "length of the program");
	for (size_t i = 0; i < ARRAY_SIZE(head); i++)
		*next++ = head[i];
	for (size_t i = 0; i < REFUSED; i++) {
		*next++ = (struct sock_filter)WHEN(refused[i]);
		*next++ = (struct sock_filter)ANSWER(SECCOMP_RET_ERRNO | EPERM);
	}
	for (size_t i = 0; i < ARRAY_SIZE(tail); i++)
		*next++ = tail[i];
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0 ? -errno : 0;
}
