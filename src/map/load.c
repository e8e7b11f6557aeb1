/* SPDX-License-Identifier: Apache-2.0 */
#include "map/load.h"

#include <errno.h>

int load_open(const struct job *job, struct load *ret_load)
{
	struct load load = {.job = job};

	if (job->path_request.rate_up > 0 || job->path_request.rate_down > 0) {
		load.used =
		        arena_array(job->arena, view_site_count(job->view), SITE_LINKS * sizeof(*load.used));
		if (load.used == NULL)
			return -ENOMEM;
	}
	*ret_load = load;
	return 0;
}

static const struct path_label *label_at(const struct load *load, uint32_t index)
{
	return &load->job->frontier.labels[index];
}

static size_t place(uint32_t node, uint32_t link)
{
	return (size_t)node * SITE_LINKS + link;
}

static void move(struct load *load, const struct option *option, bool add)
{
	const struct path_request *request = &load->job->path_request;
	const struct path_label *label = label_at(load, option->label);

	if (load->used == NULL)
		return;
	for (; label->parent != PATH_LABELS; label = label_at(load, label->parent)) {
		uint64_t *up = &load->used[place(label_at(load, label->parent)->node, label->link)];
		uint64_t *down = &load->used[place(label->node, label->back)];

		*up = add ? *up + request->rate_up : *up - request->rate_up;
		*down = add ? *down + request->rate_down : *down - request->rate_down;
	}
}

void load_add(struct load *load, const struct option *option)
{
	move(load, option, true);
}

void load_remove(struct load *load, const struct option *option)
{
	move(load, option, false);
}

static bool has_room(const struct load *load, uint32_t node, uint32_t link, uint64_t rate,
                     struct load_shortage *shortage)
{
	const struct link_offer *offer = &view_site_at(load->job->view, node)->links[link];
	uint64_t used = load->used[place(node, link)];
	uint64_t left = used > offer->free ? 0 : offer->free - used;

	if (rate <= left)
		return true;
	if (shortage != NULL)
		*shortage = (struct load_shortage){.owner = view_site_at(load->job->view, node)->identity,
		                                   .free = left,
		                                   .need = rate};
	return false;
}

bool load_fits(const struct load *load, const struct option *option, uint32_t parts,
               struct load_shortage *ret_shortage)
{
	const struct path_request *request = &load->job->path_request;
	const struct path_label *label = label_at(load, option->label);

	if (load->used == NULL)
		return true;
	for (; label->parent != PATH_LABELS; label = label_at(load, label->parent))
		if (!has_room(load, label_at(load, label->parent)->node, label->link,
		              parts * request->rate_up, ret_shortage) ||
		    !has_room(load, label->node, label->back, parts * request->rate_down, ret_shortage))
			return false;
	return true;
}
