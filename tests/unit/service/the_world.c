/* SPDX-License-Identifier: Apache-2.0 */
#include "the_world.h"

int the_world_set_up(UNUSED void **state)
{
	world_make(&world);
	world_start(&world, &world.first, "audit");
	return 0;
}

int the_world_tear_down(UNUSED void **state)
{
	world_stop(&world.first);
	world_remove(&world);
	return 0;
}
