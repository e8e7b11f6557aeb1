/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The UPDATE message for IPv6 unicast, with 4-octet AS numbers and ADD-PATH path identifiers.
 *
 * Standards: RFC 4271 sections 4.3 and 6.3, RFC 4760 (MP_REACH_NLRI, MP_UNREACH_NLRI), RFC 6793, RFC 7606
 * (what to do with a bad attribute), RFC 7911, RFC 9774 (no AS_SET). A decoded update is a view: it points
 * into the message or into itself, so it must not be copied by assignment, and it lives as long as the
 * message. IPv4 prefixes are checked for syntax and then ignored, as that family is never negotiated.
 */
#ifndef BGP_UPDATE_H
#define BGP_UPDATE_H

#include "base/cursor.h"
#include "bgp/message.h"

enum {
	UPDATE_AS_MAXIMUM = 128,      /* AS numbers in a path; a longer one is treated as withdraw */
	UPDATE_COMMUNITIES = 64,      /* communities; further ones are dropped */
	UPDATE_KEPT = 16,             /* attributes kept as they came; further ones are dropped */
	UPDATE_OPAQUE_MAXIMUM = 3000, /* value of our own attribute; a longer one is discarded */
	UPDATE_PREFIX_MAXIMUM = 21,   /* octets of one prefix in wire form */
	UPDATE_SIZE_MAXIMUM = 3499,   /* what we send: some reflectors lose larger messages silently */
};

enum update_attribute_flag {
	UPDATE_OPTIONAL = 0x80,
	UPDATE_TRANSITIVE = 0x40,
	UPDATE_PARTIAL = 0x20,
	UPDATE_EXTENDED_LENGTH = 0x10,
};

/* RFC 1997. */
#define UPDATE_NO_EXPORT UINT32_C(0xffffff01)
#define UPDATE_NO_ADVERTISE UINT32_C(0xffffff02)
#define UPDATE_NO_EXPORT_SUBCONFED UINT32_C(0xffffff03)

enum update_origin { UPDATE_ORIGIN_IGP, UPDATE_ORIGIN_EGP, UPDATE_ORIGIN_INCOMPLETE };

/* How a session's updates are to be read and written. */
struct update_form {
	bool add_path;       /* NLRI carry path identifiers */
	bool external;       /* eBGP */
	bool edge_metadata;  /* attribute 42 is written too */
	uint32_t remote_as;  /* eBGP: first AS a received path must show; 0 leaves it unchecked */
	uint8_t opaque_code; /* type code of our own attribute */
};

struct update_prefix {
	uint8_t address[16]; /* bits past the length are zero */
	uint8_t length;
	uint32_t path_id; /* 0 without ADD-PATH */
};

/* Prefixes in wire form; correct in syntax once update_decode() has accepted them. */
struct update_nlri {
	const uint8_t *bytes;
	size_t size;
	bool add_path;
};

struct update_attribute {
	uint8_t flags; /* without extended length */
	uint8_t code;
	uint16_t size;
	const uint8_t *value;
};

struct update_attributes {
	uint8_t origin; /* enum update_origin */
	uint8_t next_hop[16];
	bool has_med, has_local_preference, has_originator, has_opaque;
	bool opaque_partial; /* somebody on the way did not know it */
	uint32_t med, local_preference, originator;
	size_t as_count;
	const uint32_t *as_path; /* nearest first */
	size_t community_count;
	const uint32_t *communities;
	size_t cluster_count;
	const uint32_t *clusters;
	size_t opaque_size;
	const uint8_t *opaque;
	size_t edge_metadata_size; /* 0: without */
	const uint8_t *edge_metadata;
	size_t kept_count;
	const struct update_attribute *kept;
};

struct update {
	struct update_attributes attributes; /* meaningful where announced is not empty */
	struct update_nlri announced;
	struct update_nlri withdrawn;
	bool end_of_rib;        /* RFC 4724, IPv6 unicast */
	bool treat_as_withdraw; /* RFC 7606: `announced` is to be withdrawn */
	uint8_t cause;          /* type code of the attribute that brought treat_as_withdraw */
	uint32_t discarded;     /* attributes dropped for an error or a limit */
	uint32_t as_storage[UPDATE_AS_MAXIMUM];
	uint32_t community_storage[UPDATE_COMMUNITIES];
	uint32_t cluster_storage[UPDATE_COMMUNITIES];
	struct update_attribute kept_storage[UPDATE_KEPT];
};

/*
 * Reads the body of an UPDATE. 0: *ret_update is filled, perhaps with treat_as_withdraw. MALFORMED: the
 * session is to be reset with *ret_error, and *ret_update is undefined.
 */
int update_decode(const struct update_form *form, const void *body, size_t size, struct update *ret_update,
                  struct message_error *ret_error) CHECKED;

/*
 * Writes a whole message from attributes, announced, withdrawn and end_of_rib of `update`; the two lists
 * must have the form's add_path. Returns the size or TOO_LARGE. MP_REACH_NLRI comes first (RFC 7606
 * section 5.1). What may be sent to whom is the caller's decision.
 */
int update_encode(const struct update_form *form, const struct update *update, void *bytes,
                  size_t capacity) CHECKED;

/* Takes the next prefix off the list; false at the end. */
bool update_next(struct update_nlri *nlri, struct update_prefix *ret_prefix);
/* Appends one prefix in wire form. */
void update_put_prefix(struct writer *writer, const struct update_prefix *prefix, bool add_path);
/* Zeroes the bits of an address past `length`. */
void update_mask(uint8_t address[16], unsigned length);
/* Of ASes, communities, clusters. */
bool update_contains(const uint32_t *numbers, size_t count, uint32_t number);

#endif
