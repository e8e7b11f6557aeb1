/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages for the tests of this room: fixed ones, of which tests/golden/wire keeps the octets, seeded
 * random ones that their codecs must carry, and what every message is put through.
 */
#ifndef TESTS_UNIT_WIRE_SAMPLE_H
#define TESTS_UNIT_WIRE_SAMPLE_H

#include "base/random.h"
#include "model/program.h"
#include "model/service.h"
#include "model/site.h"
#include "wire/answer.h"
#include "wire/attribute.h"
#include "wire/datagram.h"
#include "wire/stamp.h"

enum { SAMPLE_TENANT = 7, SAMPLE_OTHER_TENANT = 6, SAMPLE_PREFIX = 48, SAMPLE_BUFFER = 4096 };

/* Two keys: 1 seals, 2 is the one before it. */
extern const struct seal_ring sample_ring;
extern const uint8_t sample_prefix[16];
extern const uint8_t sample_stamp_key[STAMP_KEY];
/* Knows SAMPLE_TENANT and SAMPLE_OTHER_TENANT, with keys of their own. */
const uint8_t *sample_secret(void *context, uint32_t key);

/* Fixed messages. Stages of the demand, of which there are two, go to `stages`. */
struct demand sample_demand(void);
/* Reserves a guaranteed flow and memory. */
struct demand sample_reserve_demand(void);
/* The demand that suits a request. */
struct demand sample_demand_for(enum datagram_type type);
struct demand sample_staged_demand(struct demand_stage stages[DEMAND_STAGES]);
struct program sample_program(void);
struct program sample_release(void);
struct program sample_reservation(void);
struct program sample_refresh(void);
struct site sample_site(void);
struct service_offer sample_service(void);
struct attribute_header sample_header(enum attribute_content content);
struct datagram sample_datagram(enum datagram_type type);
struct answer sample_answer(enum answer_type type);
struct stamp_probe sample_probe(void);
struct stamp_reply sample_reply(void);
struct site_load sample_load(void);

/* A segment for every instruction, at fc00:0:SITE::/48. */
void sample_segments(const struct program *program, uint8_t ret_segments[PROGRAM_INSTRUCTIONS][16]);

/* Random messages within what their codecs carry. */
uint64_t sample_number(struct random *random);
struct site sample_random_site(struct random *random);
struct site_load sample_random_load(struct random *random);
struct service_offer sample_random_service(struct random *random);
struct datagram sample_random_datagram(struct random *random, enum datagram_type type);
struct answer sample_random_answer(struct random *random, enum answer_type type);
struct receipt sample_random_receipt(struct random *random);

/* A decoder's verdict: negative when it refuses. The octets lie in memory of exactly their size. */
typedef int sample_verdict(const uint8_t *bytes, size_t size);
/* Every shorter message is refused, and so is a longer one. */
void sample_check_sizes(const uint8_t *bytes, size_t size, sample_verdict *verdict);
/*
 * Every message that differs in one bit is refused with a code of authentication or form. `exempt` (may
 * be NULL) is asked about bits that may change on the way; bit 0 is the lowest of the first octet.
 */
void sample_check_bits(const uint8_t *bytes, size_t size, sample_verdict *verdict,
                       bool (*exempt)(size_t bit));

#endif
