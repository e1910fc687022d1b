"""The unmodified SDK for resource groups that az uses, against an emulator: prints what its calls gave."""

import json
import sys
import time

from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError
from azure.mgmt.resource.resources import ResourceManagementClient

URL, SUBSCRIPTION = sys.argv[1:]
COMPUTE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/%s/providers/Microsoft.Compute"
DISKS = "2025-01-02"
VMS = "2025-04-01"


class AnyToken:
    def get_token(self, *scopes, **options):
        return AccessToken("any", int(time.time()) + 3600)


def client_of(subscription):
    return ResourceManagementClient(
        AnyToken(), subscription, base_url=URL, credential_scopes=["https://management.azure.com/.default"]
    )


def refusal(call):
    try:
        call()
    except HttpResponseError as error:
        return [error.status_code, error.error.code]
    return None


def disk(group, name):
    path = f"{COMPUTE % group}/disks/{name}"
    body = {
        "location": "eastus",
        "properties": {"creationData": {"createOption": "Empty"}, "diskSizeGB": 4},
    }
    client.resources.begin_create_or_update_by_id(path, DISKS, body).result()
    return path


client = client_of(SUBSCRIPTION)
groups = client.resource_groups
group = groups.create_or_update("other", {"location": "eastus2"})
data = disk("other", "data")
team, use = ({"properties": {"tags": tags}} for tags in ({"team": "storage"}, {"use": "test"}))
client.tags.begin_create_or_update_at_scope(data, team).result()
client.tags.begin_update_at_scope(data, {"operation": "Merge", **use}).result()
tags = client.tags.get_at_scope(data).properties.tags
exists = [groups.check_existence("other")]
groups.begin_delete("other").result()
exists.append(groups.check_existence("other"))

# A disk that a VM of another group has keeps its group.
groups.create_or_update("kept", {"location": "eastus"})
entry = {"lun": 5, "createOption": "Attach", "managedDisk": {"id": disk("kept", "data")}}
vm = f"{COMPUTE % 'rg'}/virtualMachines/vm-b"
body = {"properties": {"storageProfile": {"dataDisks": [entry]}}}
client.resources.begin_update_by_id(vm, VMS, body).result()

print(
    json.dumps(
        {
            "created": [group.name, group.location, group.properties.provisioning_state],
            "tags": tags,
            "exists": exists,
            "unknownRegion": refusal(lambda: groups.create_or_update("new", {"location": "mars"})),
            "unknownSubscription": refusal(
                lambda: list(
                    client_of("00000000-0000-0000-0000-00000000dead").resource_groups.list()
                )
            ),
            "blocked": refusal(lambda: groups.begin_delete("kept").result()),
        }
    )
)
