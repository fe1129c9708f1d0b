/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an audit record to an event for the sinks. Both when an act is done and when a later start
 * finds its record in the outbox, the record is what is read: so both tell the same, under one id.
 */
#ifndef HOLDFAST_SERVICE_EVENT_TOLD_H
#define HOLDFAST_SERVICE_EVENT_TOLD_H

#include "base/view.h"
#include "event/bus.h"

/* Posts the event that belongs to a record, if one does: to what the service does to keys by
 * itself. Blocks as a disk does; never fails: a record that cannot be read is logged. */
void event_told_post(struct event_bus *events, struct view record);

#endif
