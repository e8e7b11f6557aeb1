/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer is told: see advertise.h. */
#include "bgp/advertise.h"
#include "busbar-error.h"
#include <string.h>

bool advertise_permitted(const struct advertise *advertise, const struct table_choice *choice,
                         bool from_internal)
{
	const struct update_attributes a = attributes_view(choice->attributes);

	if (choice->peer == advertise->peer ||
	    update_contains(a.communities, a.community_count, UPDATE_NO_ADVERTISE))
		return false;
	if (!advertise->external)
		return !from_internal;
	return !update_contains(a.as_path, a.as_count, advertise->remote_as) &&
	       !update_contains(a.communities, a.community_count, UPDATE_NO_EXPORT) &&
	       !update_contains(a.communities, a.community_count, UPDATE_NO_EXPORT_SUBCONFED);
}

static struct update_form form_of(const struct advertise *advertise)
{
	return (struct update_form){.add_path = advertise->add_path,
	                            .external = advertise->external,
	                            .edge_metadata = advertise->edge_metadata,
	                            .opaque_code = advertise->opaque_code};
}

/* RFC 4271 section 5.1: what changes on the way out. */
static void fit_attributes(const struct advertise *advertise, struct update_attributes *a)
{
	memcpy(a->next_hop, advertise->next_hop, sizeof(a->next_hop));
	a->has_originator = false;
	a->cluster_count = 0;
	if (advertise->external) {
		a->has_med = false;
		a->has_local_preference = false;
	} else if (!a->has_local_preference) {
		a->has_local_preference = true;
		a->local_preference = DECISION_DEFAULT_PREFERENCE;
	}
	if (!advertise->inside)
		a->has_opaque = false;
}

static bool fit_as_path(const struct advertise *advertise, struct update *update)
{
	struct update_attributes *a = &update->attributes;

	if (!advertise->external)
		return true;
	if (a->as_count == UPDATE_AS_MAXIMUM)
		return false;
	update->as_storage[0] = advertise->as;
	if (a->as_count > 0)
		memcpy(&update->as_storage[1], a->as_path, a->as_count * sizeof(*a->as_path));
	a->as_path = update->as_storage;
	a->as_count++;
	return true;
}

static const uint32_t no_export = UPDATE_NO_EXPORT;

int advertise_announce(const struct advertise *advertise, const struct table_choice *choice,
                       uint8_t bytes[UPDATE_SIZE_MAXIMUM])
{
	const struct update_form form = form_of(advertise);
	struct update_prefix prefix = {.length = choice->length, .path_id = choice->number};
	uint8_t prefix_bytes[UPDATE_PREFIX_MAXIMUM];
	struct writer writer = writer_open(prefix_bytes, sizeof(prefix_bytes));
	struct update update;

	memset(&update, 0, sizeof(update));
	memcpy(prefix.address, choice->address, sizeof(prefix.address));
	update_put_prefix(&writer, &prefix, advertise->add_path);
	update.announced = (struct update_nlri){prefix_bytes, writer_size(&writer), advertise->add_path};
	update.attributes = attributes_view(choice->attributes);
	fit_attributes(advertise, &update.attributes);
	if (choice->peer == TABLE_LOCAL && advertise->confined) {
		update.attributes.communities = &no_export;
		update.attributes.community_count = 1;
	}
	if (!fit_as_path(advertise, &update))
		return BUSBAR_ERROR_TOO_LARGE;
	return update_encode(&form, &update, bytes, UPDATE_SIZE_MAXIMUM);
}

int advertise_withdraw(const struct advertise *advertise, const uint8_t *prefixes, size_t size,
                       uint8_t bytes[UPDATE_SIZE_MAXIMUM])
{
	const struct update_form form = form_of(advertise);
	struct update update;

	memset(&update, 0, sizeof(update));
	update.withdrawn = (struct update_nlri){prefixes, size, advertise->add_path};
	update.end_of_rib = size == 0;
	return update_encode(&form, &update, bytes, UPDATE_SIZE_MAXIMUM);
}
