/* SPDX-License-Identifier: Apache-2.0 */
/* Bad texts: each gives its code, its place and a message that names what is wrong. */
#include "grammar/grammar.h"
#include "tests/t.h"
#include <stdio.h>

struct bad {
	const char *text;
	int code, line, column;
	const char *message; /* part of it */
};

#define SYNTAX BUSBAR_ERROR_SYNTAX
#define UNIT BUSBAR_ERROR_UNKNOWN_UNIT
#define ZERO BUSBAR_ERROR_AMOUNT_ZERO
#define NEGATIVE BUSBAR_ERROR_AMOUNT_NEGATIVE
#define OVERFLOW BUSBAR_ERROR_AMOUNT_OVERFLOW
#define BAD BUSBAR_ERROR_BAD_VALUE
#define LARGE BUSBAR_ERROR_TOO_LARGE
#define DIGITS_40 "1111111111111111111111111111111111111111"
#define A_40 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct bad demands[] = {
        {"", SYNTAX, 1, 1, "the end where demand is expected"},
        {" \n # nothing\n", SYNTAX, 3, 1, "the end"},
        {"program x", SYNTAX, 1, 1, "'program' where demand is expected"},
        {"demand d", SYNTAX, 1, 9, "the end where '{' is expected"},
        {"demand d {", SYNTAX, 1, 11, "the end where a statement is expected"},
        {"demand d { service \"x\" ", SYNTAX, 1, 24, "'}' or ';'"},
        {"demand d { service \"x\" trust 1 }", SYNTAX, 1, 24, "'trust' where"},
        {"demand d { service x; }", SYNTAX, 1, 20, "a quoted text is expected"},
        {"demand d { service \"x\"; } ;", SYNTAX, 1, 27, "';' where the end is expected"},
        {"demand d { service \"x\"; } demand", SYNTAX, 1, 27, "'demand' where the end"},
        {"demand d { service \"x\";; }", SYNTAX, 1, 24, "';' where a statement"},
        {"demand d { speed 3; }", SYNTAX, 1, 12, "'speed' where a statement is expected"},
        {"demand split { service \"x\"; }", SYNTAX, 1, 8, "a reserved word needs quotes"},
        {"demand Render { service \"x\"; }", BAD, 1, 8, "'Render' is no name"},
        {"demand a_b { service \"x\"; }", BAD, 1, 8, "'a_b' is no name"},
        {"demand \"\" { service \"x\"; }", BAD, 1, 8, "empty name"},
        {"demand 4 { service \"x\"; }", SYNTAX, 1, 8, "'4' where"},
        {"demand \"" A_40 "\" { service \"x\"; }", LARGE, 1, 8, "more than 31 octets"},
        /* characters */
        {"demand d { service \"x; }", SYNTAX, 1, 20, "does not end on its line"},
        {"demand d { service \"x\n\"; }", SYNTAX, 1, 20, "does not end on its line"},
        {"demand d { service \"a\\nb\"; }", SYNTAX, 1, 20, "escape that is not allowed"},
        {"demand d { service \"a\tb\"; }", SYNTAX, 1, 20, "a character"},
        {"demand d { service \"\xff\"; }", SYNTAX, 1, 20, "a character"},
        {"demand d { service \"\xed\xa0\x80\"; }", SYNTAX, 1, 20, "a character"}, /* a surrogate */
        {"demand d { service \"\xc0\xaf\"; }", SYNTAX, 1, 20, "a character"},     /* overlong */
        {"demand d { service \"\xc2\x85\"; }", SYNTAX, 1, 20, "a character"},     /* C1 */
        {"demand d { service \"\xe2\x80\xa8\"; }", SYNTAX, 1, 20, "a character"}, /* line separator */
        {"demand d { service \"\xef\xbb\xbf\"; }", SYNTAX, 1, 20, "a character"}, /* byte order mark */
        {"demand d { service \"x\"; } @", SYNTAX, 1, 27, "belongs to no word"},
        {"demand d\n{\n\tservice \"x\";\n\tmemory! 3;\n}", SYNTAX, 4, 2, "'memory' where"},
        {"demand d {\r\n  trust ~;\r\n}", SYNTAX, 2, 9, "belongs to no word"},
        /* what is asked for */
        {"demand d { }", BUSBAR_ERROR_MISSING_FIELD, 1, 1, "either a service or a command"},
        {"# x\ndemand d { trust 1 }", BUSBAR_ERROR_MISSING_FIELD, 2, 1, "either a service or a command"},
        {"demand d { service \"x\"; run \"y\"; }", BUSBAR_ERROR_MISSING_FIELD, 1, 1, "either"},
        {"demand d { service \"\"; }", BAD, 1, 20, "empty name"},
        {"demand d { service \"x\" version \"\"; }", BAD, 1, 32, "empty name"},
        {"demand d { service \"x\" version 3; }", SYNTAX, 1, 32, "'3' where a quoted text"},
        {"demand d { service \"" A_40 A_40 "\"; }", LARGE, 1, 20, "more than 47 octets"},
        {"demand d { service \"x\" version \"01234567890123456\"; }", LARGE, 1, 32, "more than 15"},
        {"demand d { run; }", SYNTAX, 1, 15, "a quoted text is expected"},
        {"demand d { service \"x\"; service \"x\"; }", SYNTAX, 1, 25, "'service' for the second time"},
        {"demand d { run \"x\"; run \"x\"; }", SYNTAX, 1, 21, "'run' for the second time"},
        /* amounts */
        {"demand d { need ram 2 GiB; }", BUSBAR_ERROR_UNKNOWN_KIND, 1, 17, "unknown kind 'ram'"},
        {"demand d { work flops 2; }", BUSBAR_ERROR_UNKNOWN_KIND, 1, 17, "unknown kind 'flops'"},
        {"demand d { need each 2; }", SYNTAX, 1, 17, "'each' where a word"},
        {"demand d { need memory 2; }", UNIT, 1, 24, "'2' has no unit"},
        {"demand d { need memory 2 Gib; }", UNIT, 1, 24, "unknown unit 'Gib'"},
        {"demand d { need memory 2 GiB GiB; }", UNIT, 1, 24, "unknown unit 'GiB GiB'"},
        {"demand d { need cpu 2 GiB; }", UNIT, 1, 21, "unknown unit 'GiB', expected cores"},
        {"demand d { need cpu.gflops 2 GFLOP; }", UNIT, 1, 28, "unknown unit 'GFLOP', expected GFLOPS"},
        {"demand d { work cpu.gflops 2 GFLOPS; }", UNIT, 1, 28, "unknown unit 'GFLOPS', expected GFLOP"},
        {"demand d { need memory 0 B; }", ZERO, 1, 24, "'0 B'"},
        {"demand d { need cpu 0; }", ZERO, 1, 21, "amount is zero"},
        {"demand d { need cpu 0.0; }", ZERO, 1, 21, "amount is zero"},
        {"demand d { need cpu -1; }", NEGATIVE, 1, 21, "amount is negative"},
        {"demand d { need memory -1 GiB; }", NEGATIVE, 1, 24, "amount is negative"},
        {"demand d { need cpu 0.0000001; }", BAD, 1, 21, "at most 6 digits"},
        {"demand d { need memory 0.5 B; }", BAD, 1, 24, "'0.5 B'"},
        {"demand d { need cpu 9223372036855; }", OVERFLOW, 1, 21, "too large"},
        {"demand d { need memory 8388608 TiB; }", OVERFLOW, 1, 24, "too large"},
        {"demand d { need cpu " DIGITS_40 "; }", OVERFLOW, 1, 21, "too large"},
        {"demand d { need cpu " DIGITS_40 DIGITS_40 DIGITS_40 "; }", LARGE, 1, 21, "too many digits"},
        {"demand d { need cpu 1; need cpu 2; }", BUSBAR_ERROR_DUPLICATE, 1, 29, "'need cpu'"},
        {"demand d { need cpu 1 for 1 s; need gpu 2 for 1 s; }", SYNTAX, 1, 43, "'for' for the second time"},
        {"demand d { need cpu 1 for 0 s; }", ZERO, 1, 27, "amount is zero"},
        {"demand d { work cpu 1; work cpu 1; }", SYNTAX, 1, 24, "'work' for the second time"},
        {"demand d { need cpu 1 each each; }", SYNTAX, 1, 28, "'each' where"},
        {"demand d { need cpu; }", SYNTAX, 1, 20, "';' where a number is expected"},
        /* times */
        {"demand d { network 5 ms; }", SYNTAX, 1, 20, "'5' where within is expected"},
        {"demand d { network within 5; }", UNIT, 1, 27, "expected a time"},
        {"demand d { respond within 5 Mbit/s; }", UNIT, 1, 27, "unknown unit 'Mbit/s', expected a time"},
        {"demand d { finish within 0 s; }", ZERO, 1, 26, "amount is zero"},
        {"demand d { finish within -2 s; }", NEGATIVE, 1, 26, "amount is negative"},
        {"demand d { finish within 2562048 h; }", OVERFLOW, 1, 26, "too large"},
        {"demand d { finish within ms; }", SYNTAX, 1, 26, "a number is expected"},
        {"demand d { finish within 1 s; finish within 1 s; }", SYNTAX, 1, 31,
         "'finish within' for the second"},
        /* reservations */
        {"demand d { reserve 5 s; }", SYNTAX, 1, 20, "'5' where for is expected"},
        {"demand d { reserve for 5; }", UNIT, 1, 24, "expected a time"},
        {"demand d { reserve for 0 s; }", ZERO, 1, 24, "amount is zero"},
        {"demand d { reserve for 1 s; reserve for 1 s; }", SYNTAX, 1, 29,
         "'reserve for' for the second time"},
        {"demand d { reserve for 1 s; }", BUSBAR_ERROR_MISSING_FIELD, 1, 1, "what is reserved must be given"},
        {"demand d { reserve for 1 s; bandwidth up 1 bit/s; }", BUSBAR_ERROR_MISSING_FIELD, 1, 1,
         "bandwidth to a service"},
        {"demand d { reserve for 1 s; run \"x\"; need cpu 1; }", BAD, 1, 1, "go with 'reserve for'"},
        {"demand d { reserve for 1 s; need cpu 1 for 1 s; }", BAD, 1, 1, "go with 'reserve for'"},
        {"demand d { reserve for 1 s; need cpu 1; split up to 2; }", BAD, 1, 1, "go with 'reserve for'"},
        {"demand d { stage a { reserve for 1 s; need cpu 1; } }", BAD, 1, 1, "the demand: bad value"},
        {"demand d { service \"x\"; network within 5 ms guaranteed; }", BAD, 1, 1, "'guaranteed' goes with"},
        {"demand d { service \"x\"; reserve for 1 s; network within 5 ms guaranteed; need cpu 1; }",
         BUSBAR_ERROR_MISSING_FIELD, 1, 1, "bandwidth up and down"},
        {"demand d { guaranteed; }", SYNTAX, 1, 12, "'guaranteed' where a statement"},
        {"demand d { respond within 5 ms guaranteed; }", SYNTAX, 1, 32, "'guaranteed' where"},
        /* network */
        {"demand d { bandwidth; }", SYNTAX, 1, 21, "';' where"},
        {"demand d { bandwidth up 20 Mbits; }", UNIT, 1, 25, "unknown unit 'Mbits', expected a rate"},
        {"demand d { bandwidth up 20 MB; }", UNIT, 1, 25, "unknown unit 'MB'"},
        {"demand d { bandwidth burst 20 Mbit/s; }", UNIT, 1, 28, "expected a size"},
        {"demand d { bandwidth up 1 bit/s up 1 bit/s; }", SYNTAX, 1, 33, "'up' for the second time"},
        {"demand d { bandwidth up 1 bit/s; bandwidth down 1 bit/s; }", SYNTAX, 1, 34, "'bandwidth' for the"},
        {"demand d { bandwidth up 0 bit/s; }", ZERO, 1, 25, "amount is zero"},
        /* data */
        {"demand d { data 1 MB; }", SYNTAX, 1, 21, "in or out"},
        {"demand d { data 0 B in; }", ZERO, 1, 17, "amount is zero"},
        {"demand d { data 1 MB in blob; }", SYNTAX, 1, 29, "a digest"},
        {"demand d { data 1 MB in blob sha256:9f; }", BAD, 1, 30, "64 hexadecimal digits"},
        {"demand d { data 1 MB in blob sha256:" A_40 "aaaaaaaaaaaaaaaaaaaaaaag; }", BAD, 1, 30, "64 hex"},
        {"demand d { data 1 MB in blob md5:1; }", SYNTAX, 1, 30, "'md5' where"},
        /* split */
        {"demand d { split 4; }", SYNTAX, 1, 18, "'4' where"},
        {"demand d { split up to 0; }", ZERO, 1, 24, "amount is zero"},
        {"demand d { split up to 257; }", LARGE, 1, 24, "257 is more than 256"},
        {"demand d { split into 2.5; }", BAD, 1, 23, "whole number"},
        {"demand d { split into -2; }", NEGATIVE, 1, 23, "amount is negative"},
        {"demand d { split up to 2 part at least cpu 0; }", ZERO, 1, 44, "amount is zero"},
        {"demand d { split up to 2; split up to 2; }", SYNTAX, 1, 27, "'split' for the second time"},
        /* stages */
        {"demand d { stage a { service \"x\" } after b }", BAD, 1, 42, "no stage 'b' before this one"},
        {"demand d { stage a { service \"x\" } after a }", BAD, 1, 42, "no stage 'a' before this one"},
        {"demand d { stage a { service \"x\" }; stage a { service \"x\" } }", BUSBAR_ERROR_DUPLICATE, 1, 43,
         "stage 'a' for the second time"},
        {"demand d { stage a { } }", BUSBAR_ERROR_MISSING_FIELD, 1, 1, "either"},
        {"demand d { stage a { trust 1 } }", SYNTAX, 1, 22, "'trust' where"},
        {"demand d { stage a { stage b { } } }", SYNTAX, 1, 22, "'stage' where"},
        {"demand d { stage a { service \"x\" } stage b }", SYNTAX, 1, 36, "'stage' where"},
        /* options */
        {"demand d { budget 0; }", ZERO, 1, 19, "amount is zero"},
        {"demand d { budget -0.5; }", NEGATIVE, 1, 19, "amount is negative"},
        {"demand d { budget 0.0000000001; }", BAD, 1, 19, "at most 9 digits"},
        {"demand d { budget 10000000000; }", OVERFLOW, 1, 19, "too large"},
        {"demand d { budget 1 EUR; }", SYNTAX, 1, 21, "'EUR' where"},
        {"demand d { prefer speed; }", BAD, 1, 19, "'speed' is none of: cost latency carbon"},
        {"demand d { region x; }", SYNTAX, 1, 19, "a quoted text"},
        {"demand d { region \"a\" \"b\"; }", SYNTAX, 1, 23, "where '}' or ';' is expected"},
        {"demand d { region \"a\", ; }", SYNTAX, 1, 24, "a quoted text"},
        {"demand d { region \"\"; }", BAD, 1, 19, "empty name"},
        {"demand d { region \"a\"; region \"b\"; }", SYNTAX, 1, 24, "'region' for the second time"},
        {"demand d { operator \"" A_40 "\"; }", LARGE, 1, 21, "more than 31 octets"},
        {"demand d { model transit; }", BAD, 1, 18, "none of: edge cloud supercomputing grid device"},
        {"demand d { trust 0; }", ZERO, 1, 18, "amount is zero"},
        {"demand d { trust 4294967296; }", LARGE, 1, 18, "more than 4294967295"},
        {"demand d { trust 1.5; }", BAD, 1, 18, "whole number"},
        {"demand d { affinity A; }", BAD, 1, 21, "'A' is no name"},
        {"demand d { offload true; }", SYNTAX, 1, 20, "'true' where"},
        {"demand d { offload; offload; }", SYNTAX, 1, 21, "'offload' for the second time"},
};

static const struct bad yamls[] = {
        {"", SYNTAX, 1, 1, "an empty document"},
        {"- a", SYNTAX, 1, 1, "a mapping is expected"},
        {"service", SYNTAX, 1, 1, "a mapping is expected"},
        {"service: x\n trust: 1\n", SYNTAX, 2, 0, "mapping values are not allowed"},
        {"{service: x", SYNTAX, 2, 1, "did not find expected"},
        {"service: x\nspeed: 3\n", SYNTAX, 2, 1, "unknown key 'speed'"},
        {"service: x\nnetwork_within: 3 ms\n", SYNTAX, 2, 1, "unknown key 'network_within'"},
        {"service: x\nup: 3 Mbit/s\n", SYNTAX, 2, 1, "unknown key 'up'"},
        {"service: x\nafter: y\n", SYNTAX, 2, 1, "unknown key 'after'"},
        {"service: x\n[a]: y\n", SYNTAX, 2, 1, "unknown key ''"},
        {"service: x\nservice: y\n", SYNTAX, 2, 1, "'service' for the second time"},
        {"service: [x]\n", SYNTAX, 1, 10, "a single value is expected"},
        {"service: ~\n", SYNTAX, 1, 10, "a single value is expected"},
        {"service: null\n", SYNTAX, 1, 10, "a single value is expected"},
        {"service:\ntrust: 1\n", SYNTAX, 1, 9, "a single value is expected"},
        {"service: \"\"\n", BAD, 1, 10, "an empty name"},
        {"service: \"a\\0b\"\n", BAD, 1, 10, "control characters"},
        {"service: \"a\\nb\"\n", BAD, 1, 10, "control characters"},
        {"service: \"a\\u2028b\"\n", BAD, 1, 10, "control characters"},
        {"service: \xff\n", SYNTAX, 1, 0, "UTF-8"},
        {"trust: 1\n", BUSBAR_ERROR_MISSING_FIELD, 1, 1, "either a service or a command"},
        {"run: x\n", SYNTAX, 1, 6, "a list is expected"},
        {"run: [x, [y]]\n", SYNTAX, 1, 10, "a single value is expected"},
        {"run: []\n", BUSBAR_ERROR_MISSING_FIELD, 1, 1, "either"},
        {"service: x\nneed: {kind: cpu, amount: 1}\n", SYNTAX, 2, 7, "a list is expected"},
        {"service: x\nneed: [cpu 1]\n", SYNTAX, 2, 8, "a mapping is expected"},
        {"service: x\nneed: [{kind: cpu}]\n", SYNTAX, 2, 8, "'amount' is missing"},
        {"service: x\nneed: [{amount: 2}]\n", SYNTAX, 2, 8, "'kind' is missing"},
        {"service: x\nneed: [{kind: cpu, amount: 2, kind: cpu}]\n", SYNTAX, 2, 31, "second time"},
        {"service: x\nneed: [{kind: cpu, size: 2}]\n", SYNTAX, 2, 20, "unknown key 'size'"},
        {"service: x\nneed: [{kind: ram, amount: 2}]\n", BUSBAR_ERROR_UNKNOWN_KIND, 2, 15, "'ram'"},
        {"service: x\nneed: [{kind: memory, amount: 2}]\n", UNIT, 2, 31, "'2' has no unit"},
        {"service: x\nneed:\n  - {kind: cpu, amount: 0}\n", ZERO, 3, 25, "amount is zero"},
        {"service: x\nneed:\n  - {kind: cpu, amount: 1, each: maybe}\n", BAD, 3, 34, "'maybe' is none of"},
        {"service: x\nneed:\n  - kind: cpu\n    amount: 1\n  - kind: cpu\n    amount: 1\n",
         BUSBAR_ERROR_DUPLICATE, 5, 11, "'need cpu'"},
        {"service: x\nwork: cpu\n", SYNTAX, 2, 7, "one kind and its amount"},
        {"service: x\nwork: {}\n", SYNTAX, 2, 7, "one kind and its amount"},
        {"service: x\nwork: {cpu: 1, gpu: 1}\n", SYNTAX, 2, 7, "one kind and its amount"},
        {"service: x\nnetwork within: 5\n", UNIT, 2, 17, "'5' has no unit"},
        {"service: x\nnetwork within: -5 ms\n", NEGATIVE, 2, 17, "amount is negative"},
        {"service: x\nguaranteed: 5 ms\n", BAD, 2, 13, "'5 ms' is none of: false true"},
        {"service: x\nreserve: 5 s\n", SYNTAX, 2, 1, "unknown key 'reserve'"},
        {"service: x\nguaranteed: true\n", BAD, 1, 1, "'guaranteed' goes with"},
        {"reserve for: 5 s\n", BUSBAR_ERROR_MISSING_FIELD, 1, 1, "what is reserved"},
        {"reserve for: 1 s\nneed: [{kind: cpu, amount: 1, for: 1 s}]\n", BAD, 1, 1, "the demand"},
        {"service: x\nbandwidth: 5 Mbit/s\n", SYNTAX, 2, 12, "a mapping is expected"},
        {"service: x\nbandwidth: {}\n", SYNTAX, 2, 12, "up, down or burst"},
        {"service: x\nbandwidth: {up: 1 Mbit/s, up: 1 Mbit/s}\n", SYNTAX, 2, 27, "'up' for the second time"},
        {"service: x\nbandwidth: {left: 1 Mbit/s}\n", SYNTAX, 2, 13, "unknown key 'left'"},
        {"service: x\ndata: [{size: 1 MB}]\n", SYNTAX, 2, 8, "'direction' is missing"},
        {"service: x\ndata: [{size: 1 MB, direction: up}]\n", BAD, 2, 32, "'up' is none of: in out"},
        {"service: x\ndata: [{size: 1 MB, direction: in, blob: x}]\n", BAD, 2, 42, "sha256:"},
        {"service: x\nsplit: 8\n", SYNTAX, 2, 8, "a mapping is expected"},
        {"service: x\nsplit: {up to: 8, into: 8}\n", SYNTAX, 2, 8, "either 'up to' or 'into'"},
        {"service: x\nsplit: {part at least: {cpu: 1}}\n", SYNTAX, 2, 8, "either 'up to' or 'into'"},
        {"service: x\nsplit: {up to: 300}\n", LARGE, 2, 16, "300 is more than 256"},
        {"stages: [{service: x}]\n", SYNTAX, 1, 10, "a stage without 'stage'"},
        {"stages: [{stage: a, service: x, trust: 1}]\n", SYNTAX, 1, 33, "unknown key 'trust'"},
        {"stages:\n  - {stage: a, service: x, after: b}\n", BAD, 2, 35, "no stage 'b'"},
        {"service: x\nregion: []\n", SYNTAX, 2, 9, "an empty list"},
        {"service: x\nmodel: [cloud, fog]\n", BAD, 2, 16, "'fog' is none of"},
        {"service: x\noffload: 1\n", BAD, 2, 10, "'1' is none of: false true"},
        {"service: &a x\n", SYNTAX, 1, 10, "aliases are not allowed"},
        {"service: *a\n", SYNTAX, 1, 10, "aliases are not allowed"},
        {"&a {service: x}\n", SYNTAX, 1, 1, "aliases are not allowed"},
        {"service: x\n---\nservice: x\n", SYNTAX, 2, 1, "a second document"},
        {"service: [[[[[[[[[x]]]]]]]]]\n", LARGE, 1, 17, "nested too deeply"},
};

#define HEAD \
	"program 0123456789abcdef0123456789abcdef ingress 1.1 part 1 of 2 expires 2026-01-31T12:00:00Z {\n"

static const struct bad programs[] = {
        {"", SYNTAX, 1, 1, "the end where program is expected"},
        {"demand d {}", SYNTAX, 1, 1, "'demand' where program"},
        {"program 0123 ingress", SYNTAX, 1, 9, "an identifier of 32 hexadecimal digits is expected"},
        {"program 0123456789abcdef0123456789abcdef0 ingress", SYNTAX, 1, 9, "an identifier"},
        {"program 0123456789ABCDEF0123456789abcdef ingress", SYNTAX, 1, 9, "an identifier"},
        {HEAD "}", BUSBAR_ERROR_MISSING_FIELD, 1, 9, "the program"},
        {"program 0123456789abcdef0123456789abcdef ingress 1.1 part 3 of 2 expires 2026-01-31T12:00:00Z {\n"
         "at 1.1 forward}",
         BAD, 1, 9, "the program"},
        {"program 0123456789abcdef0123456789abcdef ingress 1.1 part 1 of 65536 expires 2026-01-31T12:00:00Z "
         "{",
         LARGE, 1, 64, "65536 is more than 65535"},
        {"program 0123456789abcdef0123456789abcdef ingress 1.1 part 0 of 2 expires 2026-01-31T12:00:00Z {",
         ZERO, 1, 59, "amount is zero"},
        {"program 0123456789abcdef0123456789abcdef ingress 0.1 part 1 of 2 expires 2026-01-31T12:00:00Z {",
         BAD, 1, 50, "'0.1' is no gateway"},
        {"program 0123456789abcdef0123456789abcdef ingress edge-a part 1 of 2 expires 2026-01-31T12:00:00Z {",
         BAD, 1, 50, "no gateway has the name 'edge-a'"},
        {"program 0123456789abcdef0123456789abcdef ingress 1.1 part 1 of 2 expires 2026-02-29T12:00:00Z {",
         BAD, 1, 74, "no time"},
        {"program 0123456789abcdef0123456789abcdef ingress 1.1 part 1 of 2 expires 2263-01-01T12:00:00Z {",
         OVERFLOW, 1, 74, "no time"},
        {"program 0123456789abcdef0123456789abcdef ingress 1.1 part 1 of 2 expires 2026-01-31 {", SYNTAX, 1,
         74, "a time such as"},
        {HEAD "at 4294967296.1 forward }", BAD, 2, 4, "is no gateway"},
        {HEAD "at 1.65536 forward }", BAD, 2, 4, "is no gateway"},
        {HEAD "at 1 forward }", BAD, 2, 4, "is no gateway"},
        {HEAD "at forward }", SYNTAX, 2, 4, "a reserved word needs quotes"},
        {HEAD "at 1.1 fly }", SYNTAX, 2, 8, "'fly' where"},
        {HEAD "at 1.1 forward at 1.2 forward }", SYNTAX, 2, 16, "'at' where"},
        {HEAD "at 1.1 reserve for 1 s }", SYNTAX, 2, 16, "'for' where a number"},
        {HEAD "at 1.1 reserve 1 Mbit/s for 1 s }", SYNTAX, 2, 25, "'for' where"},
        {HEAD "at 1.1 reserve 1 Mbit/s toward for 1 s }", BUSBAR_ERROR_MISSING_FIELD, 1, 9, "the program"},
        {HEAD "at 1.1 reserve 1 Mbit/s toward 1.2, 1 Mbit/s toward 1.2 for 1 s }", SYNTAX, 2, 46,
         "'toward' for"},
        {HEAD "at 1.1 reserve 1 Mbit/s back 1.2, 1 Mbit/s back 1.2 for 1 s }", SYNTAX, 2, 44, "'back' for"},
        {HEAD "at 1.1 reserve 1 MB toward 1.2 for 1 s }", UNIT, 2, 16, "unknown unit 'MB'"},
        {HEAD "at 1.1 reserve -1 Mbit/s toward 1.2 for 1 s }", NEGATIVE, 2, 16, "amount is negative"},
        {HEAD "at 1.1 reserve 1 Mbit/s toward 1.2 tariff -1 for 1 s }", NEGATIVE, 2, 43,
         "amount is negative"},
        {HEAD "at 1.1 reserve 1 Mbit/s toward 1.2 class 2 for 1 s }", LARGE, 2, 42, "2 is more than 1"},
        {HEAD "at 1.1 reserve 1 Mbit/s toward 1.2 for 1 s class 0 }", SYNTAX, 2, 44, "'class' where"},
        {HEAD "at 1.1 reserve 1 Mbit/s jitter 1 kB toward 1.2 for 1 s }", UNIT, 2, 32, "expected a time"},
        {HEAD "at 1.1 reserve 1 Mbit/s jitter 1 s burst 1 kB toward 1.2 for 1 s }", SYNTAX, 2, 36,
         "'burst' where toward or back"},
        {HEAD "at 1.1 reserve 1 Mbit/s jitter -1 s toward 1.2 for 1 s }", NEGATIVE, 2, 32,
         "amount is negative"},
        {HEAD "at 1.1 attach \"::1\" }", SYNTAX, 2, 15, "client is expected"},
        {HEAD "at 1.1 attach client \"::1\" }", SYNTAX, 2, 28, "service is expected"},
        {HEAD "at 1.1 attach client \"::1\" service \"x\" }", BAD, 2, 36, "no IPv6 address"},
        {HEAD "at 1.1 attach client \"::\" service \"::1\" }", BUSBAR_ERROR_MISSING_FIELD, 1, 9,
         "the program"},
        {HEAD "at 1.1 attach client \"::1\" service \"::2\"; at 1.2 forward }", BUSBAR_ERROR_STATE, 1, 9,
         "the program"},
        {HEAD "at 1.1 refresh }", SYNTAX, 2, 16, "a number is expected"},
        {HEAD "at 1.1 refresh 30 }", UNIT, 2, 16, "expected a time"},
        {HEAD "at 1.1 refresh 0 s }", ZERO, 1, 9, "the program"},
        {HEAD "at 1.1 refresh 1 s; at 1.2 forward }", BUSBAR_ERROR_STATE, 1, 9, "the program"},
        {HEAD "at 1.1 claim cpu 1 }", SYNTAX, 2, 20, "'}' where"},
        {HEAD "at 1.1 claim cpu 1 for 0 s }", ZERO, 1, 9, "the program"},
        {HEAD "at 1.1 claim cpu 0 for 1 s }", ZERO, 2, 18, "amount is zero"},
        {HEAD "at 1.1 claim ram 1 for 1 s }", BUSBAR_ERROR_UNKNOWN_KIND, 2, 14, "unknown kind 'ram'"},
        {HEAD "at 1.1 claim cpu 1, gpu 1, memory 1 B, storage 1 B, npu.tops 1 for 1 s }", LARGE, 2, 53,
         "more than 4 resources"},
        {HEAD "at 1.1 fetch sha256:00 size 1 MB }", BAD, 2, 14, "64 hexadecimal digits"},
        {HEAD "at 1.1 fetch \"x\" size 1 MB }", SYNTAX, 2, 14, "a digest"},
        {HEAD "at 1.1 execute \"x\" inline tariff 1 }", SYNTAX, 2, 27, "'tariff' where"},
        {HEAD "at 1.1 execute \"x\" }", BUSBAR_ERROR_STATE, 1, 9, "the program"},
        {HEAD "at 1.1 deliver to 1.1 address \"10.0.0.1\" port 1 }", BAD, 2, 31, "no IPv6 address"},
        {HEAD "at 1.1 deliver to 1.1 address \"::1\" port 65536 }", LARGE, 2, 42, "more than 65535"},
        {HEAD "at 1.1 release }", SYNTAX, 2, 16, "done or void"},
        {HEAD "at 1.1 release void BAD_LUCK }", BAD, 2, 21, "'BAD_LUCK' is no error"},
        {HEAD "at 1.1 release void 0 }", BAD, 2, 21, "'0' is no error"},
        {HEAD "at 1.1 release void 3 }", BAD, 2, 21, "'3' is no error"},
        {HEAD "at 1.1 release void -2147483649 }", BAD, 2, 21, "is no error"},
        {HEAD "at 1.1 release void -1.5 }", BAD, 2, 21, "is no error"},
};

enum form { DEMAND, YAML, PROGRAM };

static int parse(enum form form, const char *text, struct grammar_problem *ret_problem)
{
	struct arena *arena = arena_create(1 << 18);
	struct demand demand;
	struct program program;
	int code = 0;

	if (form == DEMAND)
		code = grammar_parse_demand(text, strlen(text), "file", arena, &demand, ret_problem);
	else if (form == YAML)
		code = grammar_parse_demand_yaml(text, strlen(text), "file", arena, &demand, ret_problem);
	else
		code = grammar_parse_program(text, strlen(text), "file", NULL, &program, ret_problem);
	arena_free(arena);
	return code;
}

/* Column 0 in the table: libyaml's own messages, whose columns are not ours to fix. */
static void check(enum form form, const struct bad *table, size_t count)
{
	int wrong = 0;

	for (size_t i = 0; i < count; i++) {
		struct grammar_problem problem = {0};
		int code = parse(form, table[i].text, &problem);
		char place[64];

		(void)snprintf(place, sizeof(place), "file:%d:%d: ", problem.line, problem.column);
		if (code == table[i].code && problem.line == table[i].line &&
		    (table[i].column == 0 || problem.column == table[i].column) &&
		    strstr(problem.text, table[i].message) &&
		    strncmp(problem.text, place, strlen(place)) == 0)
			continue;
		print_message("# %s\n#   gives %d (%s) %d:%d '%s'\n#   expected %d (%s) %d:%d '%s'\n",
		              table[i].text, code, error_name(code), problem.line, problem.column,
		              problem.text, table[i].code, error_name(table[i].code), table[i].line,
		              table[i].column, table[i].message);
		wrong++;
	}
	T_EQ(wrong, 0);
}

static void bad_demands(void **state)
{
	check(DEMAND, demands, ARRAY_SIZE(demands));
}

static void bad_yaml(void **state)
{
	check(YAML, yamls, ARRAY_SIZE(yamls));
}

static void bad_programs(void **state)
{
	check(PROGRAM, programs, ARRAY_SIZE(programs));
}

/* The result stays as it was, and a long file name leaves room for the message. */
static void results_stay_untouched(void **state)
{
	struct arena *arena = arena_create(1 << 16);
	struct demand demand, before;
	struct grammar_problem problem;
	char file[300];

	memset(file, 'f', sizeof(file));
	file[sizeof(file) - 1] = '\0';
	memset(&demand, 0x5a, sizeof(demand));
	before = demand;
	T_ERROR(grammar_parse_demand("demand d {", 10, file, arena, &demand, &problem), SYNTAX);
	T_BYTES(&demand, &before, sizeof(demand));
	T_TRUE(strstr(problem.text, ":1:11: the end where") != NULL);
	T_ERROR(grammar_parse_demand_yaml("a: b", 4, file, arena, &demand, &problem), SYNTAX);
	T_BYTES(&demand, &before, sizeof(demand));
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(bad_demands),
	        cmocka_unit_test(bad_yaml),
	        cmocka_unit_test(bad_programs),
	        cmocka_unit_test(results_stay_untouched),
	};

	return T_RUN(tests);
}
