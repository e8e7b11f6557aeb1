/* SPDX-License-Identifier: Apache-2.0 */
#include "base/compiler.h"
#include "base/hex.h"
#include "base/random.h"
#include "tests/t.h"
#include "wire/seal.h"
#include <errno.h>
#include <gnutls/crypto.h>
#include <stdio.h>
#include <unistd.h>

static const struct seal_ring ring = {
        .count = 3,
        .keys = {{.identifier = 9, .secret = {9}},
                 {.identifier = 0, .secret = {1}},
                 {.identifier = 255, .secret = {2}}},
};
static const struct gateway_identity sender = {0x01020304, 0x0506};

static void assert_hex(const uint8_t *octets, size_t size, const char *expected)
{
	char text[2 * 64 + 1];

	T_TEXT(hex_format(octets, size, text), expected);
}

static void keys_are_found_by_number(void **state)
{
	const struct seal_ring none = {.count = 0};

	T_TRUE(seal_first(&ring) == &ring.keys[0]);
	T_TRUE(seal_first(&none) == NULL);
	T_TRUE(seal_find(&ring, 9) == &ring.keys[0]);
	T_TRUE(seal_find(&ring, 0) == &ring.keys[1]);
	T_TRUE(seal_find(&ring, 255) == &ring.keys[2]);
	T_TRUE(seal_find(&ring, 1) == NULL);
	T_TRUE(seal_find(&none, 0) == NULL); /* not the zeros behind the table's end */
}

/* RFC 4231, cases 1 and 2: keys shorter than a block count as filled with zeros. */
static void codes_are_those_of_the_standard(void **state)
{
	const uint8_t first[SEAL_SECRET] = {0xb, 0xb, 0xb, 0xb, 0xb, 0xb, 0xb, 0xb, 0xb, 0xb,
	                                    0xb, 0xb, 0xb, 0xb, 0xb, 0xb, 0xb, 0xb, 0xb, 0xb};
	const uint8_t second[SEAL_SECRET] = "Jefe";
	const struct seal_bytes one[] = {{"Hi There", 8}};
	const struct seal_bytes parts[] = {
	        {"what do ya ", 11}, {NULL, 0}, {"want for nothing", 16}, {"?", 1}};
	uint8_t mac[SEAL_MAC];

	T_OK(seal_mac(first, one, 1, mac));
	assert_hex(mac, SEAL_MAC, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	T_OK(seal_mac(second, parts, ARRAY_SIZE(parts), mac));
	assert_hex(mac, SEAL_MAC, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

/* The sub-key as docs/wire.md has it. */
static void sub_key(const struct seal_key *key, uint8_t purpose, uint8_t secret[SEAL_SECRET])
{
	const uint8_t label[] = {'b', 'u', 's', 'b', 'a', 'r', purpose, 1, 2, 3, 4, 5, 6};
	const struct seal_bytes part = {label, sizeof(label)};

	T_OK(seal_mac(key->secret, &part, 1, secret));
}

static void sub_keys_are_of_purpose_and_sender(void **state)
{
	const struct seal_bytes part = {"message", 7};
	struct gateway_identity other = sender;
	uint8_t secret[SEAL_SECRET], expected[SEAL_MAC], mac[SEAL_MAC];

	for (int purpose = SEAL_ATTRIBUTE; purpose <= SEAL_TRANSFER; purpose++) {
		sub_key(&ring.keys[0], (uint8_t)purpose, secret);
		T_OK(seal_mac(secret, &part, 1, expected));
		T_OK(seal_domain_mac(&ring.keys[0], (enum seal_purpose)purpose, sender, &part, 1, mac));
		T_BYTES(mac, expected, SEAL_MAC);
		T_OK(seal_domain_mac(&ring.keys[1], (enum seal_purpose)purpose, sender, &part, 1, mac));
		T_TRUE(seal_compare(mac, expected, SEAL_MAC) != 0);
	}
	other.gateway ^= 1;
	T_OK(seal_domain_mac(&ring.keys[0], SEAL_TRANSFER, other, &part, 1, mac));
	T_TRUE(seal_compare(mac, expected, SEAL_MAC) != 0);
	other = (struct gateway_identity){sender.site ^ UINT32_C(0x80000000), sender.gateway};
	T_OK(seal_domain_mac(&ring.keys[0], SEAL_TRANSFER, other, &part, 1, mac));
	T_TRUE(seal_compare(mac, expected, SEAL_MAC) != 0);
}

/* One for the whole domain, and the same whether it was derived before or not. */
static void the_segments_secret_is_of_nobody(void **state)
{
	const uint8_t label[13] = {'b', 'u', 's', 'b', 'a', 'r', 6};
	const struct seal_bytes part = {label, sizeof(label)};
	uint8_t sub_key[SEAL_SECRET], expected[SEAL_SECRET], secret[SEAL_SECRET];
	struct seal_ring prepared = ring;

	T_OK(seal_prepare(&prepared));
	for (uint32_t i = 0; i < ring.count; i++) {
		T_OK(seal_mac(ring.keys[i].secret, &part, 1, sub_key));
		T_OK(seal_mac(sub_key, NULL, 0, expected));
		T_OK(seal_segment_secret(&ring.keys[i], secret));
		T_BYTES(secret, expected, sizeof(secret));
		T_OK(seal_segment_secret(&prepared.keys[i], secret));
		T_BYTES(secret, expected, sizeof(secret));
	}
}

static void comparing_tells_equal_from_not(void **state)
{
	uint8_t a[32] = {0}, b[32] = {0};

	T_EQ(seal_compare(a, b, 32), 0);
	T_EQ(seal_compare(a, b, 0), 0);
	for (size_t i = 0; i < sizeof(a); i++) {
		b[i] = 1;
		T_EQ(seal_compare(a, b, 32), 1);
		b[i] = 0;
	}
}

/* AES-256-GCM by the library's other interface, nonce: 4 zeros and the sequence. */
static void sealing_is_gcm_with_the_sequence_as_nonce(void **state)
{
	const uint8_t nonce[12] = {0, 0, 0, 0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88};
	uint8_t secret[SEAL_SECRET], expected[64], bytes[64] = "what is sealed";
	gnutls_datum_t datum = {.data = secret, .size = sizeof(secret)};
	size_t size = sizeof(expected);
	gnutls_aead_cipher_hd_t handle;

	sub_key(&ring.keys[0], SEAL_ATTRIBUTE, secret);
	T_EQ(gnutls_aead_cipher_init(&handle, GNUTLS_CIPHER_AES_256_GCM, &datum), 0);
	T_EQ(gnutls_aead_cipher_encrypt(handle, nonce, sizeof(nonce), "clear", 5, SEAL_TAG, bytes, 14,
	                                expected, &size),
	     0);
	gnutls_aead_cipher_deinit(handle);
	T_EQ(size, 14 + SEAL_TAG);
	T_OK(seal_close(&ring.keys[0], sender, UINT64_C(0x1122334455667788), "clear", 5, bytes, 14));
	T_BYTES(bytes, expected, 14 + SEAL_TAG);
	T_OK(seal_open(&ring.keys[0], sender, UINT64_C(0x1122334455667788), "clear", 5, bytes, 14));
	T_BYTES(bytes, "what is sealed", 14);
}

static int open_copy(const uint8_t *sealed, size_t size, const struct seal_key *key,
                     struct gateway_identity from, uint64_t sequence, const char *clear)
{
	uint8_t bytes[600];

	memcpy(bytes, sealed, size + SEAL_TAG);
	return seal_open(key, from, sequence, clear, strlen(clear), bytes, size);
}

static void any_change_leaves_it_sealed(void **state)
{
	const size_t sizes[] = {0, 1, 15, 16, 17, 500};
	struct random random;

	random_seed(&random, 5);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct gateway_identity other = {sender.site, sender.gateway + 1};
		uint8_t plain[500], sealed[600] = {0};
		size_t size = sizes[i];

		random_fill(&random, plain, sizeof(plain));
		memcpy(sealed, plain, size);
		T_OK(seal_close(&ring.keys[0], sender, 7, "clear", 5, sealed, size));
		T_OK(open_copy(sealed, size, &ring.keys[0], sender, 7, "clear"));
		T_ERROR(open_copy(sealed, size, &ring.keys[1], sender, 7, "clear"), BUSBAR_ERROR_UNSEALED);
		T_ERROR(open_copy(sealed, size, &ring.keys[0], other, 7, "clear"), BUSBAR_ERROR_UNSEALED);
		T_ERROR(open_copy(sealed, size, &ring.keys[0], sender, 8, "clear"), BUSBAR_ERROR_UNSEALED);
		T_ERROR(open_copy(sealed, size, &ring.keys[0], sender, 7, "cleaR"), BUSBAR_ERROR_UNSEALED);
		T_ERROR(open_copy(sealed, size, &ring.keys[0], sender, 7, "clea"), BUSBAR_ERROR_UNSEALED);
		for (size_t bit = 0; bit < 8 * (size + SEAL_TAG); bit++) {
			sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
			T_ERROR(open_copy(sealed, size, &ring.keys[0], sender, 7, "clear"),
			        BUSBAR_ERROR_UNSEALED);
			sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
}

/* With ciphers that are kept, everything is as without. */
static void a_cache_changes_nothing(void **state)
{
	enum { SENDERS = 40, CIPHERS = 16 };
	struct seal_ring cached = ring;
	struct seal_cache *cache = seal_cache_create(CIPHERS);
	struct random random;

	assert_non_null(cache);
	seal_use_cache(&cached, cache);
	random_seed(&random, 9);
	for (uint32_t i = 0; i < 2000; i++) {
		struct gateway_identity from = {1 + (uint32_t)random_below(&random, SENDERS), 1};
		const struct seal_key *key = &ring.keys[i % ring.count];
		const struct seal_key *other = &cached.keys[i % ring.count];
		uint8_t sealed[100] = "what is sealed", again[100] = "what is sealed";

		T_OK(seal_close(key, from, i, "clear", 5, sealed, 80));
		T_OK(seal_close(other, from, i, "clear", 5, again, 80));
		T_BYTES(again, sealed, 80 + SEAL_TAG);
		T_OK(open_copy(sealed, 80, other, from, i, "clear"));
		sealed[i % 96] ^= 1;
		T_ERROR(open_copy(sealed, 80, other, from, i, "clear"), BUSBAR_ERROR_UNSEALED);
		T_TRUE(seal_cache_count(cache) > 0 && seal_cache_count(cache) <= CIPHERS);
	}
	/* The same number for another secret: the old cipher is not taken for it. */
	{
		struct seal_key rolled = cached.keys[0];
		uint8_t sealed[100] = "what is sealed";

		T_OK(seal_close(&cached.keys[0], sender, 1, "clear", 5, sealed, 14));
		rolled.secret[0] ^= 1;
		T_ERROR(open_copy(sealed, 14, &rolled, sender, 1, "clear"), BUSBAR_ERROR_UNSEALED);
		T_OK(open_copy(sealed, 14, &cached.keys[0], sender, 1, "clear"));
	}
	seal_cache_free(cache);
	T_TRUE(seal_cache_free(NULL) == NULL);
}

/* What cannot be opened takes no place: strangers cannot push out the ciphers of those who are heard. */
static void strangers_have_no_cipher(void **state)
{
	struct seal_ring cached = ring;
	struct seal_cache *cache = seal_cache_create(4);
	uint8_t sealed[100] = "what is sealed";

	assert_non_null(cache);
	seal_use_cache(&cached, cache);
	T_OK(seal_close(&ring.keys[0], sender, 7, "clear", 5, sealed, 14));
	T_OK(open_copy(sealed, 14, &cached.keys[0], sender, 7, "clear"));
	T_EQ(seal_cache_count(cache), 1);
	for (uint32_t i = 1; i < 100; i++) {
		struct gateway_identity stranger = {sender.site + i, 1};

		T_ERROR(open_copy(sealed, 14, &cached.keys[0], stranger, 7, "clear"), BUSBAR_ERROR_UNSEALED);
	}
	T_EQ(seal_cache_count(cache), 1);
	seal_cache_free(cache);
}

static void digests_are_sha_256(void **state)
{
	uint8_t digest[32];

	T_OK(seal_digest("abc", 3, digest));
	assert_hex(digest, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	T_OK(seal_digest(NULL, 0, digest));
	assert_hex(digest, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/* Larger than the block in which files are read. */
static void files_have_the_digest_of_their_octets(void **state)
{
	static uint8_t content[70000];
	uint8_t digest[32], expected[32];
	struct random random;
	uint64_t size = 1;
	FILE *file = tmpfile();

	assert_non_null(file);
	T_OK(seal_digest_file(fileno(file), digest, &size));
	T_EQ(size, 0);
	random_seed(&random, 6);
	random_fill(&random, content, sizeof(content));
	T_EQ(fwrite(content, 1, sizeof(content), file), sizeof(content));
	rewind(file);
	T_OK(seal_digest(content, sizeof(content), expected));
	T_OK(seal_digest_file(fileno(file), digest, &size));
	T_EQ(size, sizeof(content));
	T_BYTES(digest, expected, 32);
	fclose(file);
}

static void a_file_that_cannot_be_read_is_an_error(void **state)
{
	uint8_t digest[32] = {7};
	uint64_t size = 11;

	T_ERROR(seal_digest_file(-1, digest, &size), -EBADF);
	T_EQ(digest[0], 7);
	T_EQ(size, 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(keys_are_found_by_number),
	        cmocka_unit_test(codes_are_those_of_the_standard),
	        cmocka_unit_test(sub_keys_are_of_purpose_and_sender),
	        cmocka_unit_test(the_segments_secret_is_of_nobody),
	        cmocka_unit_test(comparing_tells_equal_from_not),
	        cmocka_unit_test(sealing_is_gcm_with_the_sequence_as_nonce),
	        cmocka_unit_test(any_change_leaves_it_sealed),
	        cmocka_unit_test(a_cache_changes_nothing),
	        cmocka_unit_test(strangers_have_no_cipher),
	        cmocka_unit_test(digests_are_sha_256),
	        cmocka_unit_test(files_have_the_digest_of_their_octets),
	        cmocka_unit_test(a_file_that_cannot_be_read_is_an_error),
	};

	return T_RUN(tests);
}
