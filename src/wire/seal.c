/* SPDX-License-Identifier: Apache-2.0 */
/* Message authentication and sealing over GnuTLS. */
#include "wire/seal.h"

#include "base/error.h"
#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SEAL_NONCE = 12, SEQUENCE_OFFSET = 4, FILE_BLOCK = 16384, WHOLE = 2048 };

/* Of GnuTLS' failures only these two are met with valid arguments. */
static int from_gnutls(int code)
{
	if (code >= 0)
		return 0;
	return code == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : -EIO;
}

static void store(uint8_t *octets, uint64_t value, int count)
{
	while (count-- > 0) {
		octets[count] = (uint8_t)value;
		value >>= 8;
	}
}

const struct seal_key *seal_first(const struct seal_ring *ring)
{
	return ring->count > 0 ? &ring->keys[0] : NULL;
}

const struct seal_key *seal_find(const struct seal_ring *ring, uint8_t identifier)
{
	for (uint32_t i = 0; i < ring->count && i < SEAL_KEYS; i++) {
		if (ring->keys[i].identifier == identifier)
			return &ring->keys[i];
	}
	return NULL;
}

/* In pieces, with a handle: memory is taken for it. */
static int mac_of_many(const uint8_t secret[SEAL_SECRET], const struct seal_bytes *parts, size_t count,
                       uint8_t ret_mac[SEAL_MAC])
{
	gnutls_hmac_hd_t handle;
	int code = gnutls_hmac_init(&handle, GNUTLS_MAC_SHA256, secret, SEAL_SECRET);

	if (code < 0)
		return code;
	for (size_t i = 0; i < count && code >= 0; i++) {
		if (parts[i].size > 0)
			code = gnutls_hmac(handle, parts[i].bytes, parts[i].size);
	}
	gnutls_hmac_deinit(handle, ret_mac);
	return code;
}

/* What fits a packet is put together first, for a message in one piece needs no handle. */
static int mac_of_few(const uint8_t secret[SEAL_SECRET], const struct seal_bytes *parts, size_t count,
                      uint8_t ret_mac[SEAL_MAC])
{
	uint8_t whole[WHOLE];
	size_t size = 0;

	for (size_t i = 0; i < count; i++) {
		if (parts[i].size > 0)
			memcpy(whole + size, parts[i].bytes, parts[i].size);
		size += parts[i].size;
	}
	return gnutls_hmac_fast(GNUTLS_MAC_SHA256, secret, SEAL_SECRET, whole, size, ret_mac);
}

int seal_mac(const uint8_t secret[SEAL_SECRET], const struct seal_bytes *parts, size_t count,
             uint8_t ret_mac[SEAL_MAC])
{
	uint8_t mac[SEAL_MAC];
	size_t size = 0;
	int code;

	for (size_t i = 0; i < count && size <= WHOLE; i++)
		size += parts[i].size;
	if (count == 1)
		code = gnutls_hmac_fast(GNUTLS_MAC_SHA256, secret, SEAL_SECRET, parts[0].bytes, size, mac);
	else if (size <= WHOLE)
		code = mac_of_few(secret, parts, count, mac);
	else
		code = mac_of_many(secret, parts, count, mac);
	if (code < 0)
		return from_gnutls(code);
	memcpy(ret_mac, mac, SEAL_MAC);
	return 0;
}

/* HMAC-SHA-256(secret, "busbar" || purpose || site || gateway). */
static int derive(const struct seal_key *key, enum seal_purpose purpose, struct gateway_identity sender,
                  uint8_t ret_secret[SEAL_SECRET])
{
	uint8_t label[13] = {'b', 'u', 's', 'b', 'a', 'r', (uint8_t)purpose};

	store(label + 7, sender.site, 4);
	store(label + 11, sender.gateway, 2);
	return from_gnutls(gnutls_hmac_fast(GNUTLS_MAC_SHA256, key->secret, SEAL_SECRET, label, sizeof(label),
	                                    ret_secret));
}

int seal_domain_mac(const struct seal_key *key, enum seal_purpose purpose, struct gateway_identity sender,
                    const struct seal_bytes *parts, size_t count, uint8_t ret_mac[SEAL_MAC])
{
	uint8_t secret[SEAL_SECRET];
	int code = derive(key, purpose, sender, secret);

	if (code == 0)
		code = seal_mac(secret, parts, count, ret_mac);
	gnutls_memset(secret, 0, sizeof(secret));
	return code;
}

int seal_segment_secret(const struct seal_key *key, uint8_t ret_secret[SEAL_SECRET])
{
	if (!key->prepared)
		return seal_domain_mac(key, SEAL_SEGMENT, (struct gateway_identity){0, 0}, NULL, 0,
		                       ret_secret);
	memcpy(ret_secret, key->segment, sizeof(key->segment));
	return 0;
}

int seal_prepare(struct seal_ring *ring)
{
	int code = 0;

	for (uint32_t i = 0; i < ring->count && code == 0; i++) {
		code = seal_segment_secret(&ring->keys[i], ring->keys[i].segment);
		ring->keys[i].prepared = code == 0;
	}
	return code;
}

int seal_compare(const void *a, const void *b, size_t size)
{
	return gnutls_memcmp(a, b, size) != 0;
}

/* A cipher with the sender's own sub-key, so that sequences of two senders never meet as nonces. */
static int open_cipher(const struct seal_key *key, struct gateway_identity sender,
                       gnutls_aead_cipher_hd_t *ret_handle)
{
	uint8_t secret[SEAL_SECRET];
	gnutls_datum_t datum = {.data = secret, .size = sizeof(secret)};
	int code = derive(key, SEAL_ATTRIBUTE, sender, secret);

	if (code == 0)
		code = from_gnutls(gnutls_aead_cipher_init(ret_handle, GNUTLS_CIPHER_AES_256_GCM, &datum));
	gnutls_memset(secret, 0, sizeof(secret));
	return code;
}

/* Four places are tried for a cipher. */
enum { CACHE_WAYS = 4 };

struct cached {
	struct gateway_identity sender;
	uint8_t secret[SEAL_SECRET]; /* the key's, from which the cipher's is derived */
	gnutls_aead_cipher_hd_t handle;
	uint64_t used; /* 0: the place is free */
};

struct seal_cache {
	size_t sets, count;
	uint64_t uses;
	struct cached places[];
};

struct seal_cache *seal_cache_create(size_t maximum)
{
	size_t sets = MAXIMUM(maximum / CACHE_WAYS, 1U);
	struct seal_cache *cache = calloc(1, sizeof(*cache) + sets * CACHE_WAYS * sizeof(*cache->places));

	if (cache != NULL)
		cache->sets = sets;
	return cache;
}

static void drop(struct seal_cache *cache, struct cached *place)
{
	if (place->used == 0)
		return;
	gnutls_aead_cipher_deinit(place->handle);
	gnutls_memset(place, 0, sizeof(*place));
	cache->count--;
}

struct seal_cache *seal_cache_free(struct seal_cache *cache)
{
	if (cache == NULL)
		return NULL;
	for (size_t i = 0; i < cache->sets * CACHE_WAYS; i++)
		drop(cache, &cache->places[i]);
	free(cache);
	return NULL;
}

void seal_use_cache(struct seal_ring *ring, struct seal_cache *cache)
{
	for (uint32_t i = 0; i < ring->count; i++)
		ring->keys[i].cache = cache;
}

size_t seal_cache_count(const struct seal_cache *cache)
{
	return cache->count;
}

static struct cached *set_of(struct seal_cache *cache, struct gateway_identity sender)
{
	uint64_t number = ((uint64_t)sender.site << 16 | sender.gateway) * UINT64_C(0x9e3779b97f4a7c15);

	return &cache->places[(number >> 32) % cache->sets * CACHE_WAYS];
}

static struct cached *find_cached(const struct seal_key *key, struct gateway_identity sender)
{
	struct cached *set = key->cache == NULL ? NULL : set_of(key->cache, sender);

	for (size_t i = 0; set != NULL && i < CACHE_WAYS; i++)
		if (set[i].used > 0 && gateway_equal(set[i].sender, sender) &&
		    seal_compare(set[i].secret, key->secret, SEAL_SECRET) == 0)
			return &set[i];
	return NULL;
}

/* In a free place, else in that of the one used longest ago. */
static void keep(const struct seal_key *key, struct gateway_identity sender, gnutls_aead_cipher_hd_t handle)
{
	struct cached *set = set_of(key->cache, sender), *place = set;

	for (size_t i = 1; i < CACHE_WAYS; i++)
		if (set[i].used < place->used)
			place = &set[i];
	drop(key->cache, place);
	place->sender = sender;
	memcpy(place->secret, key->secret, SEAL_SECRET);
	place->handle = handle;
	place->used = ++key->cache->uses;
	key->cache->count++;
}

/* A cipher in use: one that is kept, or a new one. */
struct cipher {
	gnutls_aead_cipher_hd_t handle;
	bool kept;
};

static int find_cipher(const struct seal_key *key, struct gateway_identity sender, struct cipher *ret_cipher)
{
	struct cached *cached = find_cached(key, sender);

	ret_cipher->kept = cached != NULL;
	if (cached == NULL)
		return open_cipher(key, sender, &ret_cipher->handle);
	cached->used = ++key->cache->uses;
	ret_cipher->handle = cached->handle;
	return 0;
}

/* One that did its work is kept: a stranger's never does. */
static void leave_cipher(const struct seal_key *key, struct gateway_identity sender,
                         const struct cipher *cipher, bool worked)
{
	if (cipher->kept)
		return;
	if (key->cache != NULL && worked)
		keep(key, sender, cipher->handle);
	else
		gnutls_aead_cipher_deinit(cipher->handle);
}

int seal_close(const struct seal_key *key, struct gateway_identity sender, uint64_t sequence,
               const void *clear, size_t clear_size, uint8_t *bytes, size_t size)
{
	uint8_t nonce[SEAL_NONCE] = {0};
	giovec_t clear_vector = {.iov_base = (void *)(uintptr_t)clear, .iov_len = clear_size};
	giovec_t vector = {.iov_base = bytes, .iov_len = size};
	size_t tag_size = SEAL_TAG;
	struct cipher cipher;
	int code = find_cipher(key, sender, &cipher);

	if (code < 0)
		return code;
	store(nonce + SEQUENCE_OFFSET, sequence, 8);
	code = gnutls_aead_cipher_encryptv2(cipher.handle, nonce, sizeof(nonce), &clear_vector, 1, &vector, 1,
	                                    bytes + size, &tag_size);
	leave_cipher(key, sender, &cipher, code >= 0);
	return from_gnutls(code);
}

int seal_open(const struct seal_key *key, struct gateway_identity sender, uint64_t sequence,
              const void *clear, size_t clear_size, uint8_t *bytes, size_t size)
{
	uint8_t nonce[SEAL_NONCE] = {0};
	giovec_t clear_vector = {.iov_base = (void *)(uintptr_t)clear, .iov_len = clear_size};
	giovec_t vector = {.iov_base = bytes, .iov_len = size};
	struct cipher cipher;
	int code = find_cipher(key, sender, &cipher);

	if (code < 0)
		return code;
	store(nonce + SEQUENCE_OFFSET, sequence, 8);
	code = gnutls_aead_cipher_decryptv2(cipher.handle, nonce, sizeof(nonce), &clear_vector, 1, &vector, 1,
	                                    bytes + size, SEAL_TAG);
	leave_cipher(key, sender, &cipher, code >= 0);
	if (code == GNUTLS_E_DECRYPTION_FAILED)
		return BUSBAR_ERROR_UNSEALED;
	return from_gnutls(code);
}

int seal_digest(const void *bytes, size_t size, uint8_t ret_digest[32])
{
	return from_gnutls(gnutls_hash_fast(GNUTLS_DIG_SHA256, size ? bytes : "", size, ret_digest));
}

/* Feeds the whole file from where it stands; the octets read, or a negative code. */
static int64_t hash_file(gnutls_hash_hd_t handle, int descriptor)
{
	uint8_t block[FILE_BLOCK];
	int64_t total = 0;

	for (;;) {
		ssize_t got = read(descriptor, block, sizeof(block));
		int code;

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : total;
		code = gnutls_hash(handle, block, (size_t)got);
		if (code < 0)
			return from_gnutls(code);
		total += got;
	}
}

int seal_digest_file(int descriptor, uint8_t ret_digest[32], uint64_t *ret_size)
{
	gnutls_hash_hd_t handle;
	uint8_t digest[32];
	int64_t size;
	int code = gnutls_hash_init(&handle, GNUTLS_DIG_SHA256);

	if (code < 0)
		return from_gnutls(code);
	size = hash_file(handle, descriptor);
	gnutls_hash_deinit(handle, digest);
	if (size < 0)
		return (int)size;
	memcpy(ret_digest, digest, sizeof(digest));
	*ret_size = (uint64_t)size;
	return 0;
}
