/* SPDX-License-Identifier: Apache-2.0 */
/* The header of transfers: made and checked, and every way in which it can be wrong. */
#include "api/authorization.h"
#include "base/clock.h"
#include "t.h"
#include <stdio.h>

#define NOW INT64_C(1790000000123456789)
#define PATH "/v1/blob/00"

static const uint8_t secret_of_seven[SEAL_SECRET] = {7, 7, 7};
static const struct seal_ring ring = {
        .count = 2, .keys = {{.identifier = 9, .secret = {1}}, {.identifier = 3, .secret = {2}}}};
static const struct gateway_identity site = {.site = 4, .gateway = 1};

static const uint8_t *find_secret(void *context, uint32_t key)
{
	return key == 7 ? context : NULL;
}

static struct authorization_keys make_keys(void)
{
	return (struct authorization_keys){&ring, find_secret, (void *)(uintptr_t)secret_of_seven};
}

static int check_at(const char *text, const char *method, const char *path, int64_t now)
{
	struct authorization_keys keys = make_keys();

	return authorization_check(text, &keys, method, path, now);
}

static int check(const char *text)
{
	return check_at(text, "PUT", PATH, NOW);
}

static void tenants(void **state)
{
	char text[AUTHORIZATION_TEXT];

	T_OK(authorization_of_tenant(7, secret_of_seven, "PUT", PATH, NOW, text));
	T_TRUE(strncmp(text, "Busbar tenant:7:1790000000123456789:", 36) == 0);
	T_EQ(strlen(text), 36 + 64);
	T_OK(check(text));
	T_ERROR(check_at(text, "GET", PATH, NOW), BUSBAR_ERROR_BAD_MAC);
	T_ERROR(check_at(text, "PUT", PATH "0", NOW), BUSBAR_ERROR_BAD_MAC);
	T_OK(authorization_of_tenant(8, secret_of_seven, "PUT", PATH, NOW, text));
	T_ERROR(check(text), BUSBAR_ERROR_UNKNOWN_TENANT);
	T_OK(authorization_of_tenant(7, ring.keys[0].secret, "PUT", PATH, NOW, text));
	T_ERROR(check(text), BUSBAR_ERROR_BAD_MAC);
}

static void gateways(void **state)
{
	char text[AUTHORIZATION_TEXT], other[AUTHORIZATION_TEXT];

	for (uint32_t i = 0; i < ring.count; i++) {
		T_OK(authorization_of_gateway(&ring.keys[i], site, "PUT", PATH, NOW, text));
		T_OK(check(text));
	}
	T_TRUE(strncmp(text, "Busbar gateway:4.1/3:1790000000123456789:", 41) == 0);
	/* The same key, but the name of another gateway: each has a key of its own. */
	(void)snprintf(other, sizeof(other), "Busbar gateway:4.2/3%s", text + 20);
	T_ERROR(check(other), BUSBAR_ERROR_BAD_MAC);
	(void)snprintf(other, sizeof(other), "Busbar gateway:4.1/4%s", text + 20);
	T_ERROR(check(other), BUSBAR_ERROR_UNKNOWN_KEY);
	/* A gateway's MAC does not make a tenant. */
	(void)snprintf(other, sizeof(other), "Busbar tenant:7%s", text + 20);
	T_ERROR(check(other), BUSBAR_ERROR_BAD_MAC);
}

static void window(void **state)
{
	const int64_t limit = AUTHORIZATION_WINDOW * CLOCK_SECOND;
	char text[AUTHORIZATION_TEXT], other[AUTHORIZATION_TEXT];

	T_OK(authorization_of_tenant(7, secret_of_seven, "PUT", PATH, NOW, text));
	T_OK(check_at(text, "PUT", PATH, NOW + limit));
	T_OK(check_at(text, "PUT", PATH, NOW - limit));
	T_ERROR(check_at(text, "PUT", PATH, NOW + limit + 1), BUSBAR_ERROR_STALE);
	T_ERROR(check_at(text, "PUT", PATH, NOW - limit - 1), BUSBAR_ERROR_STALE);
	T_ERROR(check_at(text, "PUT", PATH, 0), BUSBAR_ERROR_STALE);
	/* Another time is another MAC. */
	(void)snprintf(other, sizeof(other), "Busbar tenant:7:1790000000123456790%s", text + 35);
	T_ERROR(check(other), BUSBAR_ERROR_BAD_MAC);
}

static void malformed(void **state)
{
	static const char *const heads[] = {
	        "",
	        "Busbar",
	        "Busbar ",
	        "Basic dXNlcjpwYXNz",
	        "busbar tenant:7:1:",
	        "Busbar tenant:7:1",
	        "Busbar tenant::1:",
	        "Busbar tenant:+7:1:",
	        "Busbar tenant:07:1:",
	        "Busbar tenant:7 :1:",
	        "Busbar tenant:4294967296:1:",
	        "Busbar tenant:7::",
	        "Busbar tenant:7:-1:",
	        "Busbar tenant:7:9223372036854775808:",
	        "Busbar tenant:7:99999999999999999999999:",
	        "Busbar tenant:7:1:1:",
	        "Busbar person:7:1:",
	        "Busbar :7:1:",
	        "Busbar gateway:4.1:1:",
	        "Busbar gateway:4.1/:1:",
	        "Busbar gateway:4.1/256:1:",
	        "Busbar gateway:4/3:1:",
	        "Busbar gateway:0.1/3:1:",
	        "Busbar gateway:4.1/3/3:1:",
	};
	static const char mac[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
	char text[512];

	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		(void)snprintf(text, sizeof(text), "%s%s", heads[i], mac);
		T_ERROR(check(text), BUSBAR_ERROR_MALFORMED);
	}
	T_ERROR(check("Busbar tenant:7:1:"), BUSBAR_ERROR_MALFORMED);
	(void)snprintf(text, sizeof(text), "Busbar tenant:7:1:%.63s", mac);
	T_ERROR(check(text), BUSBAR_ERROR_MALFORMED);
	(void)snprintf(text, sizeof(text), "Busbar tenant:7:1:%s0", mac);
	T_ERROR(check(text), BUSBAR_ERROR_MALFORMED);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	memcpy(text, "Busbar tenant:7:1:", 18);
	T_ERROR(check(text), BUSBAR_ERROR_MALFORMED);
}

static void without_keys(void **state)
{
	struct authorization_keys keys = {0};
	char text[AUTHORIZATION_TEXT];

	T_OK(authorization_of_tenant(7, secret_of_seven, "PUT", PATH, NOW, text));
	T_ERROR(authorization_check(text, &keys, "PUT", PATH, NOW), BUSBAR_ERROR_UNKNOWN_TENANT);
	T_OK(authorization_of_gateway(&ring.keys[0], site, "PUT", PATH, NOW, text));
	T_ERROR(authorization_check(text, &keys, "PUT", PATH, NOW), BUSBAR_ERROR_UNKNOWN_KEY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(tenants),   cmocka_unit_test(gateways),     cmocka_unit_test(window),
	        cmocka_unit_test(malformed), cmocka_unit_test(without_keys),
	};

	return T_RUN(tests);
}
