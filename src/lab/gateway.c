/* SPDX-License-Identifier: Apache-2.0 */
/* Events that a state does not expect leave it as it is. */
#include "lab/gateway.h"

#include "base/error.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define READY_WORD "ready\n"

enum gateway_event { EVENT_SPAWNED, EVENT_READY, EVENT_ORDERED, EVENT_ENDED, EVENTS };

static const char *const event_names[EVENTS] = {"spawned", "ready", "ordered", "ended"};
static const char *const state_names[GATEWAY_STATES] = {"stopped", "starting", "ready", "stopping", "dead"};

static const enum gateway_state next_states[GATEWAY_STATES][EVENTS] = {
        /*                    spawned           ready             ordered           ended */
        [GATEWAY_STOPPED] = {GATEWAY_STARTING, GATEWAY_STOPPED, GATEWAY_STOPPED, GATEWAY_STOPPED},
        [GATEWAY_STARTING] = {GATEWAY_STARTING, GATEWAY_READY, GATEWAY_STOPPING, GATEWAY_DEAD},
        [GATEWAY_READY] = {GATEWAY_READY, GATEWAY_READY, GATEWAY_STOPPING, GATEWAY_DEAD},
        [GATEWAY_STOPPING] = {GATEWAY_STOPPING, GATEWAY_STOPPING, GATEWAY_STOPPING, GATEWAY_STOPPED},
        [GATEWAY_DEAD] = {GATEWAY_STARTING, GATEWAY_DEAD, GATEWAY_DEAD, GATEWAY_DEAD},
};

void gateway_open(struct gateway *gateway, const char *name)
{
	*gateway = (struct gateway){.name = name, .ready = -1};
}

const char *gateway_state_name(enum gateway_state state)
{
	return state_names[state];
}

bool gateway_is_alive(const struct gateway *gateway)
{
	return gateway->pid > 0;
}

static void set_state(struct gateway *gateway, enum gateway_event event)
{
	enum gateway_state old = gateway->state;

	gateway->state = next_states[old][event];
	if (gateway->state != old)
		log_info("gateway", "name=%s state=%s event=%s was=%s", gateway->name,
		         state_names[gateway->state], event_names[event], state_names[old]);
}

static void close_ready(struct gateway *gateway)
{
	if (gateway->ready >= 0)
		close(gateway->ready);
	gateway->ready = -1;
}

int gateway_start(struct gateway *gateway, const struct process *process, int64_t deadline)
{
	struct process daemon = *process;
	int ends[2];
	pid_t pid;

	if (gateway_is_alive(gateway))
		return BUSBAR_ERROR_STATE;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	daemon.ready = ends[1];
	pid = process_start(&daemon);
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return pid;
	}
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
	gateway->pid = pid;
	gateway->ready = ends[0];
	gateway->word_size = 0;
	gateway->deadline = deadline;
	gateway->is_late = false;
	gateway->has_ended = false;
	set_state(gateway, EVENT_SPAWNED);
	return 0;
}

void gateway_read_ready(struct gateway *gateway)
{
	size_t room = strlen(READY_WORD) - gateway->word_size;
	ssize_t size = read(gateway->ready, gateway->word + gateway->word_size, room);

	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (size > 0)
		gateway->word_size += (size_t)size;
	if (size > 0 && gateway->word_size < strlen(READY_WORD))
		return;
	close_ready(gateway);
	if (size > 0 && memcmp(gateway->word, READY_WORD, strlen(READY_WORD)) == 0) {
		set_state(gateway, EVENT_READY);
		return;
	}
	/* It will never be ready; its end tells whoever waits. */
	log_warning("gateway", "name=%s ready=never", gateway->name);
	if (gateway_is_alive(gateway))
		process_kill(gateway->pid, SIGKILL);
}

void gateway_kill_late(struct gateway *gateway, int64_t now)
{
	if (gateway->state != GATEWAY_STARTING || gateway->is_late || now < gateway->deadline)
		return;
	log_warning("gateway", "name=%s ready=late", gateway->name);
	gateway->is_late = true;
	gateway->deadline = INT64_MAX;
	process_kill(gateway->pid, SIGKILL);
}

int gateway_order(struct gateway *gateway, int number)
{
	if (!gateway_is_alive(gateway))
		return BUSBAR_ERROR_STATE;
	if (kill(gateway->pid, number) < 0)
		return -errno;
	set_state(gateway, EVENT_ORDERED);
	return 0;
}

void gateway_ended(struct gateway *gateway, int wait_status)
{
	(void)kill(-gateway->pid, SIGKILL);
	close_ready(gateway);
	gateway->pid = 0;
	gateway->has_ended = true;
	gateway->wait_status = wait_status;
	set_state(gateway, EVENT_ENDED);
}
