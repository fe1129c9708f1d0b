/* SPDX-License-Identifier: Apache-2.0 */
#include "service/cloudtrail.h"

#define OPERATION_NAME_MAX 128 /* bytes of a name that are looked at and recorded */

/* Of the model, and not built. */
static const char *const not_built[] = {
	"AddTags",
	"CancelQuery",
	"CreateChannel",
	"CreateDashboard",
	"CreateEventDataStore",
	"CreateTrail",
	"DeleteChannel",
	"DeleteDashboard",
	"DeleteEventDataStore",
	"DeleteResourcePolicy",
	"DeleteTrail",
	"DeregisterOrganizationDelegatedAdmin",
	"DescribeQuery",
	"DescribeTrails",
	"DisableFederation",
	"EnableFederation",
	"GenerateQuery",
	"GetChannel",
	"GetDashboard",
	"GetEventConfiguration",
	"GetEventDataStore",
	"GetEventSelectors",
	"GetImport",
	"GetInsightSelectors",
	"GetQueryResults",
	"GetResourcePolicy",
	"GetTrail",
	"GetTrailStatus",
	"ListChannels",
	"ListDashboards",
	"ListEventDataStores",
	"ListImportFailures",
	"ListImports",
	"ListInsightsData",
	"ListInsightsMetricData",
	"ListPublicKeys",
	"ListQueries",
	"ListTags",
	"ListTrails",
	"PutEventConfiguration",
	"PutEventSelectors",
	"PutInsightSelectors",
	"PutResourcePolicy",
	"RegisterOrganizationDelegatedAdmin",
	"RemoveTags",
	"RestoreEventDataStore",
	"SearchSampleQueries",
	"StartDashboardRefresh",
	"StartEventDataStoreIngestion",
	"StartImport",
	"StartLogging",
	"StartQuery",
	"StopEventDataStoreIngestion",
	"StopImport",
	"StopLogging",
	"UpdateChannel",
	"UpdateDashboard",
	"UpdateEventDataStore",
	"UpdateTrail",
};

static struct view name_in(struct view target)
{
	size_t lead = view_starts_with(target, VIEW_LITERAL(CLOUDTRAIL_TARGET))
			      ? sizeof CLOUDTRAIL_TARGET - 1
			      : sizeof CLOUDTRAIL_TARGET_LONG - 1;
	return view_part(target, lead, OPERATION_NAME_MAX);
}

NODISCARD struct err cloudtrail_find_operation(struct call_work *work)
{
	struct view name = work->operation_name = name_in(work->call->target);
	struct err e =
		operation_find(work->call->door, CALL_PROTOCOL_CLOUDTRAIL, name, &work->operation);
	for (size_t i = 0; err_failed(e) && i < ARRAY_LEN(not_built); i++)
		if (view_equal_text(name, not_built[i]))
			return work_refuse(work, ERR(E_UNSUPPORTED_OPERATION),
					   "%.*s is not supported.", (int)name.len,
					   (const char *)name.ptr);
	return e;
}
