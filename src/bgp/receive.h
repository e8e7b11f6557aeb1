/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer tells: its messages become events of the machine and changes of the table. */
#ifndef BGP_RECEIVE_H
#define BGP_RECEIVE_H

#include "bgp/speaker_internal.h"

/* A message whose frame is right. May end the connection. */
void receive_message(struct machine *machine, const struct message_frame *frame);

#endif
