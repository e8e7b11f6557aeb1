/* SPDX-License-Identifier: Apache-2.0 */
/* Peers and policies: their part of the table, what it cannot check, and what the speaker gets. */
#include "base/error.h"
#include "base/text.h"
#include "daemon/settings_internal.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIELD SETTINGS_FIELD
#define SUB SETTINGS_SUB

#define HOLD_MOST (65535 * CLOCK_SECOND)
#define RESTART_MOST (4095 * CLOCK_SECOND)

static const char *const action_names[] = {"permit", "deny", NULL};

static const struct config_field rule_fields[] = {
        {"action", CONFIG_CHOICE, FIELD(settings_rule, action), .required = true, .choices = action_names},
        {"prefix", CONFIG_ADDRESS, FIELD(settings_rule, prefix)},
        {"least", CONFIG_INTEGER, FIELD(settings_rule, least), .fallback = "0", .maximum = 128},
        {"most", CONFIG_INTEGER, FIELD(settings_rule, most), .fallback = "0", .maximum = 128},
        {"community", CONFIG_TEXT, FIELD(settings_rule, community)},
        SETTINGS_END,
};

static const struct config_field policy_fields[] = {
        {"name", CONFIG_TEXT, FIELD(settings_policy, name), .required = true},
        {"otherwise", CONFIG_CHOICE, FIELD(settings_policy, otherwise), .fallback = "deny",
         .choices = action_names},
        {"rules", CONFIG_LIST, FIELD(settings_policy, rules), .fields = rule_fields,
         .element_size = sizeof(struct settings_rule), .list_maximum = SETTINGS_RULES},
        SETTINGS_END,
};

static const struct config_field peer_fields[] = {
        {"name", CONFIG_TEXT, FIELD(settings_peer, name), .required = true},
        {"local", CONFIG_ADDRESS, FIELD(settings_peer, local)},
        {"remote", CONFIG_ADDRESS, FIELD(settings_peer, remote), .required = true},
        {"interface", CONFIG_TEXT, FIELD(settings_peer, interface)},
        {"as", CONFIG_INTEGER, FIELD(settings_peer, as), .required = true, .minimum = 1,
         .maximum = UINT32_MAX},
        {"port", CONFIG_INTEGER, FIELD(settings_peer, port), .fallback = "0", .maximum = 65535},
        {"passive", CONFIG_BOOLEAN, FIELD(settings_peer, passive), .fallback = "false"},
        {"password", CONFIG_TEXT, FIELD(settings_peer, password)},
        {"hops", CONFIG_INTEGER, FIELD(settings_peer, hops), .fallback = "0", .maximum = 254},
        {"hold", CONFIG_DURATION, FIELD(settings_peer, hold), .fallback = "0 s", .maximum = HOLD_MOST},
        {"restart-time", CONFIG_DURATION, FIELD(settings_peer, restart_time), .fallback = "0 s",
         .maximum = RESTART_MOST},
        {"maximum-paths", CONFIG_INTEGER, FIELD(settings_peer, maximum_paths), .fallback = "0",
         .maximum = INT64_C(1) << 24},
        {"import", CONFIG_TEXT, FIELD(settings_peer, import)},
        {"export", CONFIG_TEXT, FIELD(settings_peer, export)},
        {"edge-metadata", CONFIG_BOOLEAN, FIELD(settings_peer, edge_metadata), .fallback = "false"},
        SETTINGS_END,
};

const struct config_field settings_bgp_fields[] = {
        {"as", CONFIG_INTEGER, SUB(bgp, as), .fallback = "0", .minimum = 0, .maximum = UINT32_MAX,
         .help = "0: no BGP"},
        {"router-id", CONFIG_INTEGER, SUB(bgp, router_id), .fallback = "1", .minimum = 1,
         .maximum = UINT32_MAX},
        {"hold", CONFIG_DURATION, SUB(bgp, hold), .fallback = "90 s", .minimum = 3 * CLOCK_SECOND,
         .maximum = HOLD_MOST},
        {"restart-time", CONFIG_DURATION, SUB(bgp, restart_time), .fallback = "0 s", .maximum = RESTART_MOST,
         .help = "that routes outlive a session on links; 0: not at all"},
        {"minimum-interval", CONFIG_DURATION, SUB(bgp, minimum_interval), .fallback = "1 s", .minimum = 0,
         .maximum = 600 * CLOCK_SECOND, .help = "between two announcements of one route"},
        {"attribute", CONFIG_INTEGER, SUB(bgp, attribute), .fallback = "255", .minimum = 41, .maximum = 255,
         .help = "path attribute code; 42 and 254 have other owners"},
        {"port", CONFIG_INTEGER, SUB(bgp, port), .fallback = "179", .minimum = 1, .maximum = 65535},
        {"peers", CONFIG_LIST, SUB(bgp, peers), .fields = peer_fields,
         .element_size = sizeof(struct settings_peer), .list_maximum = SETTINGS_PEERS,
         .help = "beside the links' other ends, or of these with more words: see busbard(8)"},
        {"policies", CONFIG_LIST, SUB(bgp, policies), .fields = policy_fields,
         .element_size = sizeof(struct settings_policy), .list_maximum = SETTINGS_POLICIES,
         .help = "for import and export of peers: the first rule that matches decides"},
        SETTINGS_END,
};

/* ---- what the table cannot check ---- */

static bool is_link_local(const struct config_address *address)
{
	return address->octets[0] == 0xfe && (address->octets[1] & 0xc0) == 0x80;
}

static bool same_address(const struct config_address *one, const struct config_address *other)
{
	return memcmp(one->octets, other->octets, sizeof(one->octets)) == 0;
}

static bool same_text(const char *one, const char *other)
{
	return one == other || (one != NULL && other != NULL && strcmp(one, other) == 0);
}

/* Link-local addresses are of an interface. */
static bool same_end(const struct config_address *one, const char *interface,
                     const struct config_address *other, const char *other_interface)
{
	return same_address(one, other) && (!is_link_local(one) || same_text(interface, other_interface));
}

static bool is_host(const struct config_address *address)
{
	return address->length == 128 && address->port == 0;
}

/* "65000:100", or a name of RFC 1997. To the speaker 0:0 is no community. */
static int parse_community(const char *text, uint32_t *ret_community)
{
	static const struct {
		const char *name;
		uint32_t community;
	} known[] = {{"no-export", 0xffffff01}, {"no-advertise", 0xffffff02}};
	unsigned high, low;
	int end = 0;

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strcmp(text, known[i].name) == 0) {
			*ret_community = known[i].community;
			return 0;
		}
	if (strspn(text, "0123456789:") != strlen(text) || strlen(text) > 11 ||
	    sscanf(text, "%u:%u%n", &high, &low, &end) != 2 || text[end] != '\0' || high > UINT16_MAX ||
	    low > UINT16_MAX || (high == 0 && low == 0))
		return BUSBAR_ERROR_BAD_VALUE;
	*ret_community = high << 16 | low;
	return 0;
}

static int make_rule(const struct settings_rule *given, struct speaker_rule *ret_rule)
{
	struct speaker_rule rule = {.accept = given->action == SETTINGS_PERMIT,
	                            .least = (uint8_t)given->least,
	                            .most = (uint8_t)(given->most == 0 ? 128 : given->most)};

	if (given->prefix.present) {
		memcpy(rule.prefix, given->prefix.octets, sizeof(rule.prefix));
		rule.length = (uint8_t)given->prefix.length;
	}
	rule.least = MAXIMUM(rule.least, rule.length);
	if (given->prefix.port != 0 || rule.most < rule.least)
		return BUSBAR_ERROR_BAD_VALUE;
	*ret_rule = rule;
	return given->community == NULL ? 0 : parse_community(given->community, &ret_rule->community);
}

static int check_policies(const struct settings *settings, const char *path, struct config_problem *problem)
{
	const struct settings_policy *policies = settings->bgp.policies.items;

	for (size_t i = 0; i < settings->bgp.policies.count; i++) {
		const struct settings_rule *rules = policies[i].rules.items;
		struct speaker_rule made;

		for (size_t before = 0; before < i; before++)
			if (strcmp(policies[before].name, policies[i].name) == 0)
				return settings_refuse(problem, path, "bgp.policies[%zu].name: used twice",
				                       i);
		for (size_t rule = 0; rule < policies[i].rules.count; rule++)
			if (make_rule(&rules[rule], &made) < 0)
				return settings_refuse(problem, path,
				                       "bgp.policies[%zu].rules[%zu]: lengths that no route "
				                       "has, or not a community",
				                       i, rule);
	}
	return 0;
}

/* What no rule matches the speaker refuses, unless there is no rule at all. */
static int make_policy(struct settings_policy *policy, struct arena *arena)
{
	const struct settings_rule *given = policy->rules.items;
	uint32_t count = (uint32_t)policy->rules.count;
	struct speaker_rule *rules = arena_array(arena, count + 1, sizeof(*rules));

	if (rules == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		if (make_rule(&given[i], &rules[i]) < 0)
			return BUSBAR_ERROR_BAD_VALUE;
	rules[count] = (struct speaker_rule){.most = 128, .accept = policy->otherwise == SETTINGS_PERMIT};
	policy->made = (struct speaker_policy){.count = count + 1, .rules = rules};
	return 0;
}

int settings_make_policies(const struct settings *settings, struct arena *arena)
{
	struct settings_policy *policies = settings->bgp.policies.items;
	int code = 0;

	for (size_t i = 0; i < settings->bgp.policies.count && code == 0; i++)
		code = make_policy(&policies[i], arena);
	return code;
}

static const struct settings_policy *find_policy(const struct settings *settings, const char *name)
{
	const struct settings_policy *policies = settings->bgp.policies.items;

	for (size_t i = 0; name != NULL && i < settings->bgp.policies.count; i++)
		if (strcmp(policies[i].name, name) == 0)
			return &policies[i];
	return NULL;
}

static const char *fault_of(const struct settings *settings, const struct settings_peer *peer)
{
	if (peer->name[0] == '\0' || strlen(peer->name) >= SPEAKER_NAME)
		return "name: too long, or empty";
	if (!is_host(&peer->remote) || (peer->local.present && !is_host(&peer->local)))
		return "local, remote: addresses of hosts, the port by itself";
	if (is_link_local(&peer->remote) && peer->interface == NULL)
		return "interface: a link-local address needs one";
	if (peer->hold != 0 && peer->hold < 3 * CLOCK_SECOND)
		return "hold: at least 3 s";
	if (peer->password != NULL &&
	    (peer->password[0] == '\0' || strlen(peer->password) >= SPEAKER_PASSWORD))
		return "password: 1 to 80 octets";
	if (peer->import != NULL && find_policy(settings, peer->import) == NULL)
		return "import: no such policy";
	if (peer->export != NULL && find_policy(settings, peer->export) == NULL)
		return "export: no such policy";
	return NULL;
}

/* The names of sessions are what people and statistics know them by. */
static bool is_name_taken(const struct settings *settings, size_t index)
{
	const struct settings_peer *peers = settings->bgp.peers.items;
	const struct settings_link *links = settings->links.items;

	for (size_t i = 0; i < index; i++)
		if (strcmp(peers[i].name, peers[index].name) == 0)
			return true;
	for (size_t i = 0; i < settings->links.count; i++)
		if (strcmp(links[i].name, peers[index].name) == 0 &&
		    !same_end(&links[i].remote, links[i].interface, &peers[index].remote,
		              peers[index].interface))
			return true;
	return false;
}

static int check_peers(const struct settings *settings, const char *path, struct config_problem *problem)
{
	const struct settings_peer *peers = settings->bgp.peers.items;

	for (size_t i = 0; i < settings->bgp.peers.count; i++) {
		const char *fault = fault_of(settings, &peers[i]);

		if (fault != NULL)
			return settings_refuse(problem, path, "bgp.peers[%zu].%s", i, fault);
		if (is_name_taken(settings, i))
			return settings_refuse(problem, path, "bgp.peers[%zu].name: used twice", i);
		for (size_t before = 0; before < i; before++)
			if (same_end(&peers[before].remote, peers[before].interface, &peers[i].remote,
			             peers[i].interface))
				return settings_refuse(problem, path, "bgp.peers[%zu].remote: used twice", i);
	}
	return 0;
}

/* The link whose other end a peer is; -1: none. */
static int link_of_peer(const struct settings *settings, const struct settings_peer *peer)
{
	const struct settings_link *links = settings->links.items;

	for (size_t i = 0; i < settings->links.count; i++)
		if (same_end(&links[i].remote, links[i].interface, &peer->remote, peer->interface))
			return (int)i;
	return -1;
}

/* One port of one host is listened on at its addresses or at all of them, not both. Links have addresses. */
static int check_locals(const struct settings *settings, const char *path, struct config_problem *problem)
{
	const struct settings_peer *peers = settings->bgp.peers.items;
	const struct settings_link *links = settings->links.items;
	bool named = false;

	for (size_t i = 0; i < settings->links.count; i++)
		named = named || links[i].bgp;
	for (size_t i = 0; i < settings->bgp.peers.count; i++)
		named = named || peers[i].local.present;
	for (size_t i = 0; i < settings->bgp.peers.count && named; i++)
		if (!peers[i].local.present && link_of_peer(settings, &peers[i]) < 0)
			return settings_refuse(problem, path,
			                       "bgp.peers[%zu].local: needed, as others have one", i);
	return 0;
}

/* The peer that is the other end of a link, if it has words of its own. */
static const struct settings_peer *peer_of_link(const struct settings *settings,
                                                const struct settings_link *link)
{
	const struct settings_peer *peers = settings->bgp.peers.items;

	for (size_t i = 0; i < settings->bgp.peers.count; i++)
		if (same_end(&peers[i].remote, peers[i].interface, &link->remote, link->interface))
			return &peers[i];
	return NULL;
}

int settings_check_bgp(const struct settings *settings, const char *path, struct config_problem *problem)
{
	const struct settings_link *links = settings->links.items;
	int code;

	if (settings->bgp.attribute == 42 || settings->bgp.attribute == 254)
		return settings_refuse(problem, path, "bgp.attribute: %d has another owner",
		                       (int)settings->bgp.attribute);
	if (settings_has_network(settings) && (settings->bgp.as == 0 || settings->domain.keys.count == 0))
		return settings_refuse(problem, path,
		                       "links, bgp.peers: need bgp.as and a key of the domain");
	for (size_t i = 0; i < settings->links.count; i++)
		if (links[i].bgp && links[i].as == 0 && peer_of_link(settings, &links[i]) == NULL)
			return settings_refuse(problem, path, "links[%zu].as: needed by BGP", i);
	code = check_policies(settings, path, problem);
	if (code == 0)
		code = check_peers(settings, path, problem);
	return code < 0 ? code : check_locals(settings, path, problem);
}

/* ---- what the speaker gets ---- */

bool settings_has_network(const struct settings *settings)
{
	return settings->links.count > 0 || settings->bgp.peers.count > 0;
}

static void add_link(const struct settings *settings, struct settings_speaker *made,
                     const struct settings_link *link, int index)
{
	uint32_t at = made->speaker.peer_count++;
	struct speaker_peer *peer = &made->peers[at];

	text_copy(peer->name, sizeof(peer->name), link->name);
	memcpy(peer->local, link->local.octets, sizeof(peer->local));
	memcpy(peer->remote, link->remote.octets, sizeof(peer->remote));
	peer->as = (uint32_t)link->as;
	peer->restart_time = settings->bgp.restart_time;
	made->sessions[at] =
	        (struct settings_session){.link = index,
	                                  .interface = is_link_local(&link->remote) ? link->interface : NULL};
}

static struct speaker_policy policy_of(const struct settings *settings, const char *name)
{
	const struct settings_policy *policy = find_policy(settings, name);

	return policy == NULL ? (struct speaker_policy){.count = 0} : policy->made;
}

static void add_peer(const struct settings *settings, struct settings_speaker *made,
                     const struct settings_peer *given)
{
	const struct settings_link *links = settings->links.items;
	uint32_t at = made->speaker.peer_count++;
	struct speaker_peer *peer = &made->peers[at];
	int link = link_of_peer(settings, given);
	const struct config_address *local =
	        given->local.present || link < 0 ? &given->local : &links[link].local;

	text_copy(peer->name, sizeof(peer->name), given->name);
	memcpy(peer->local, local->octets, sizeof(peer->local));
	memcpy(peer->remote, given->remote.octets, sizeof(peer->remote));
	peer->as = (uint32_t)given->as;
	peer->port = (uint16_t)given->port;
	peer->passive = given->passive;
	peer->edge_metadata = given->edge_metadata;
	peer->gtsm_hops = (uint8_t)given->hops;
	text_copy(peer->password, sizeof(peer->password), given->password == NULL ? "" : given->password);
	peer->maximum_paths = (uint32_t)given->maximum_paths;
	peer->hold = given->hold;
	peer->restart_time = given->restart_time;
	peer->import_policy = policy_of(settings, given->import);
	peer->export_policy = policy_of(settings, given->export);
	made->sessions[at] = (struct settings_session){
	        .link = link, .interface = is_link_local(&given->remote) ? given->interface : NULL};
}

void settings_speaker(const struct settings *settings, struct settings_speaker *ret_speaker)
{
	const struct settings_link *links = settings->links.items;
	const struct settings_peer *peers = settings->bgp.peers.items;
	const int64_t *members = settings->domain.members.items;

	memset(ret_speaker, 0, sizeof(*ret_speaker));
	ret_speaker->speaker = (struct speaker_settings){
	        .as = (uint32_t)settings->bgp.as,
	        .identifier = (uint32_t)settings->bgp.router_id,
	        .hold = settings->bgp.hold,
	        .minimum_interval = settings->bgp.minimum_interval,
	        .forwarding_kept = true, /* what reaches us goes on reaching us, RFC 4724 3 */
	        .attribute = (uint8_t)settings->bgp.attribute,
	        .port = (uint16_t)settings->bgp.port,
	        .domain = ret_speaker->domain,
	        .domain_count = (uint32_t)settings->domain.members.count,
	        .peers = ret_speaker->peers,
	};
	for (size_t i = 0; i < settings->domain.members.count; i++)
		ret_speaker->domain[i] = (uint32_t)members[i];
	for (size_t i = 0; i < settings->links.count; i++)
		if (links[i].bgp && peer_of_link(settings, &links[i]) == NULL)
			add_link(settings, ret_speaker, &links[i], (int)i);
	for (size_t i = 0; i < settings->bgp.peers.count; i++)
		add_peer(settings, ret_speaker, &peers[i]);
}

int settings_link_of_session(const struct settings_speaker *speaker, const char *name)
{
	for (uint32_t i = 0; i < speaker->speaker.peer_count; i++)
		if (strcmp(speaker->peers[i].name, name) == 0)
			return speaker->sessions[i].link;
	return -1;
}
