"""The unmodified Azure SDK for Python against an emulator: prints what each call gave, as one JSON object."""

import json
import os
import sys

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.core import MatchConditions
from azure.identity import ClientSecretCredential
from azure.mgmt.compute import ComputeManagementClient

URL = os.environ["EMULATOR_URL"]
SUBSCRIPTION = os.environ["SUBSCRIPTION_ID"]
GROUP = "rg"
FAST = {"polling_interval": 0.02}

credential = ClientSecretCredential(
    "tenant", "python", "secret", authority=URL, disable_instance_discovery=True
)
client = ComputeManagementClient(
    credential,
    SUBSCRIPTION,
    base_url=URL,
    credential_scopes=["https://management.azure.com/.default"],
    retry_backoff_factor=0.01,
)
disks, snapshots, vms = client.disks, client.snapshots, client.virtual_machines
instances = client.virtual_machine_scale_set_vms
sets, upgrades = client.virtual_machine_scale_sets, client.virtual_machine_scale_set_rolling_upgrades


def disk_body(size_gib, **properties):
    creation = properties.pop("creation_data", {"createOption": "Empty"})
    return {
        "location": "eastus",
        "sku": {"name": "Premium_LRS"},
        "properties": {"creationData": creation, "diskSizeGB": size_gib, **properties},
    }


def refusal(call):
    try:
        call()
    except HttpResponseError as error:
        code = error.error.code if error.error is not None else type(error).__name__
        return [error.status_code, code]
    return "not refused"


def listed(vm, entries):
    return {"properties": {"storageProfile": {"dataDisks": entries}}}


def entry(lun, disk):
    return {"lun": lun, "createOption": "Attach", "managedDisk": {"id": disk.id}}


def creates_and_grows():
    made = disks.begin_create_or_update(GROUP, "py-1", disk_body(16), **FAST).result()
    grown = disks.begin_update(GROUP, "py-1", {"properties": {"diskSizeGB": 32}}, **FAST).result()
    read = disks.get(GROUP, "py-1")
    read.disk_size_gb = 64
    put_back = disks.begin_create_or_update(GROUP, "py-1", read, **FAST).result()
    return [made.provisioning_state, grown.disk_size_gb, put_back.disk_size_gb, put_back.tier]


def pages():
    for number in range(7):
        disks.begin_create_or_update(GROUP, f"page-{number}", disk_body(4), **FAST).result()
    names = [disk.name for disk in disks.list_by_resource_group(GROUP) if disk.name.startswith("page-")]
    for name in names:
        disks.begin_delete(GROUP, name, **FAST).result()
    return sorted(names)


def attaches():
    disk = disks.get(GROUP, "py-1")
    vms.begin_update(GROUP, "vm-a", listed("vm-a", [entry(3, disk)]), **FAST).result()
    vm = vms.get(GROUP, "vm-a", expand="instanceView")
    owner = disks.get(GROUP, "py-1").managed_by
    running = [status.code for status in vm.instance_view.statuses]
    return [[d.lun for d in vm.storage_profile.data_disks], owner.split("/")[-1], "PowerState/running" in running]


def refuses_wrong_etag():
    return refusal(
        lambda: vms.begin_update(
            GROUP, "vm-a", {}, etag='"wrong"', match_condition=MatchConditions.IfNotModified, **FAST
        ).result()
    )


def refuses_second_vm():
    disk = disks.get(GROUP, "py-1")
    return refusal(
        lambda: vms.begin_update(GROUP, "vm-b", listed("vm-b", [entry(0, disk)]), **FAST).result()
    )


def detaches():
    vms.begin_update(GROUP, "vm-a", listed("vm-a", []), **FAST).result()
    return [disks.get(GROUP, "py-1").managed_by, len(vms.get(GROUP, "vm-a").storage_profile.data_disks)]


def makes_with_vm():
    new = {"lun": 1, "name": "with-vm", "createOption": "Empty", "diskSizeGB": 32}
    vms.begin_update(GROUP, "vm-b", listed("vm-b", [new]), **FAST).result()
    vm = vms.get(GROUP, "vm-b")
    [made] = vm.storage_profile.data_disks
    owner = disks.get(GROUP, "with-vm").managed_by.split("/")[-1]
    put_back = vms.begin_create_or_update(GROUP, "vm-b", vm, **FAST).result()
    vms.begin_update(GROUP, "vm-b", listed("vm-b", []), **FAST).result()
    released = disks.get(GROUP, "with-vm").managed_by
    disks.begin_delete(GROUP, "with-vm", **FAST).result()
    return [made.create_option, made.disk_size_gb, owner, put_back.provisioning_state, released]


def snapshots_and_restores():
    disk = disks.get(GROUP, "py-1")
    body = {
        "location": "eastus",
        "properties": {"creationData": {"createOption": "Copy", "sourceResourceId": disk.id}, "incremental": True},
    }
    made = snapshots.begin_create_or_update(GROUP, "snap-1", body, **FAST).result()
    source = {"createOption": "Copy", "sourceResourceId": made.id}
    restored = disks.begin_create_or_update(
        GROUP, "restored", disk_body(128, creation_data=source), **FAST
    ).result()
    for delete in (disks.begin_delete(GROUP, "restored", **FAST), snapshots.begin_delete(GROUP, "snap-1", **FAST)):
        delete.result()
    return [made.incremental, restored.disk_size_gb, restored.creation_data.source_resource_id == made.id]


def scale_set_instances():
    disk = disks.get(GROUP, "py-1")
    instance = next(iter(instances.list(GROUP, "pool")))
    body = {"location": "eastus", **listed("pool", [entry(0, disk)])}
    instances.begin_update(GROUP, "pool", instance.instance_id, body, **FAST).result()
    owner = disks.get(GROUP, "py-1").managed_by
    body = {"location": "eastus", **listed("pool", [])}
    instances.begin_update(GROUP, "pool", instance.instance_id, body, **FAST).result()
    return [instance.name, owner.split("/")[-1], disks.get(GROUP, "py-1").managed_by]


def put_list(instance, entries, **conditions):
    body = {"location": "eastus", **listed("pool", entries)}
    return instances.begin_update(GROUP, "pool", instance, body, **conditions, **FAST).result()


def instance_errors():
    """What an instance refuses: another ETag, a disk of a VM or without existence; and what is gone."""
    disk = disks.get(GROUP, "py-1")
    wrong = {"etag": '"wrong"', "match_condition": MatchConditions.IfNotModified}
    refused = [refusal(lambda: put_list("0", [], **wrong))]
    vms.begin_update(GROUP, "vm-a", listed("vm-a", [entry(0, disk)]), **FAST).result()
    refused.append(refusal(lambda: put_list("0", [entry(0, disk)])))
    vms.begin_update(GROUP, "vm-a", listed("vm-a", []), **FAST).result()
    put_list("0", [entry(0, disk)])
    refused.append(
        refusal(lambda: vms.begin_update(GROUP, "vm-a", listed("vm-a", [entry(0, disk)]), **FAST).result())
    )
    put_list("0", [])
    missing = {"lun": 0, "createOption": "Attach", "managedDisk": {"id": disk.id + "-none"}}
    refused.append(refusal(lambda: put_list("0", [missing])))
    refused.append(refusal(lambda: put_list("99", [])))
    refused.append(refusal(lambda: instances.get(GROUP, "pool", "99")))
    refused.append(refusal(lambda: instances.get(GROUP, "none", "0")))
    return refused


def writers():
    """One VM and one instance: how each is written to, read, and called."""
    return [
        (lambda body: vms.begin_update(GROUP, "vm-a", body, **FAST).result(), lambda: vms.get(GROUP, "vm-a")),
        (
            lambda body: instances.begin_update(GROUP, "pool", "0", body, **FAST).result(),
            lambda: instances.get(GROUP, "pool", "0"),
        ),
    ]


def attaches_by_action():
    disk = disks.get(GROUP, "py-1")
    attach = {"dataDisksToAttach": [{"diskId": disk.id, "lun": 5}]}
    detach = {"dataDisksToDetach": [{"diskId": disk.id}]}
    acts = (
        lambda body: vms.begin_attach_detach_data_disks(GROUP, "vm-a", body, **FAST).result(),
        lambda body: instances.begin_attach_detach_data_disks(GROUP, "pool", "0", body, **FAST).result(),
    )
    results = []
    for act, (_, read) in zip(acts, writers()):
        act(attach)
        luns = [listed_disk.lun for listed_disk in read().storage_profile.data_disks]
        owner = disks.get(GROUP, "py-1").managed_by.split("/")[-1]
        act(detach)
        results.append([luns, owner, len(read().storage_profile.data_disks)])
    return results


def vm_and_instance_failing_operation():
    """The tests have made the first attach of this disk to each fail: it stays listed, and an empty update repairs it."""
    disks.begin_create_or_update(GROUP, "failing-attach", disk_body(4), **FAST).result()
    disk = disks.get(GROUP, "failing-attach")
    results = []
    for write, read in writers():
        failed = refusal(lambda: write(listed("", [entry(2, disk)])))
        state, luns = read().provisioning_state, [d.lun for d in read().storage_profile.data_disks]
        owner = disks.get(GROUP, "failing-attach").managed_by
        repaired = write({}).provisioning_state
        attached = disks.get(GROUP, "failing-attach").managed_by.split("/")[-1]
        write(listed("", []))
        results.append([failed, state, luns, owner, repaired, attached])
    disks.begin_delete(GROUP, "failing-attach", **FAST).result()
    return results


def vm_and_instance_throttled():
    """The tests have made the first attach to vm-b and to pool_1 answer 429: the SDK waits and repeats it."""
    disks.begin_create_or_update(GROUP, "throttled-attach", disk_body(4), **FAST).result()
    disk = disks.get(GROUP, "throttled-attach")
    owners = []
    for act in (
        lambda body: vms.begin_attach_detach_data_disks(GROUP, "vm-b", body, **FAST).result(),
        lambda body: instances.begin_attach_detach_data_disks(GROUP, "pool", "1", body, **FAST).result(),
    ):
        act({"dataDisksToAttach": [{"diskId": disk.id}]})
        owners.append(disks.get(GROUP, "throttled-attach").managed_by.split("/")[-1])
        act({"dataDisksToDetach": [{"diskId": disk.id}]})
    disks.begin_delete(GROUP, "throttled-attach", **FAST).result()
    return owners


def rolling_upgrades():
    def model(**profile):
        probe = {"healthProbe": {"id": "/any/probe"}}
        return {"virtualMachineProfile": {"networkProfile": probe, **profile}}

    body = {
        "location": "eastus",
        "sku": {"name": "Standard_D8s_v5", "capacity": 2},
        "properties": {"upgradePolicy": {"mode": "Rolling"}, **model()},
    }
    made = sets.begin_create_or_update(GROUP, "rolling", body, **FAST).result()
    policy = made.upgrade_policy
    newer = {"properties": model(licenseType="None")}
    sets.begin_update(GROUP, "rolling", newer, **FAST).result()
    first = upgrades.get_latest(GROUP, "rolling")
    applied = [vm.latest_model_applied for vm in instances.list(GROUP, "rolling")]
    upgrades.begin_start_os_upgrade(GROUP, "rolling", **FAST).result()
    second = upgrades.get_latest(GROUP, "rolling")
    return [
        policy.mode, policy.rolling_upgrade_policy.max_batch_instance_percent,
        first.running_status.code, first.progress.successful_instance_count, applied,
        second.running_status.code, second.progress.successful_instance_count,
        refusal(lambda: upgrades.begin_cancel(GROUP, "rolling", **FAST).result()),
    ]  # fmt: skip


def power():
    vms.begin_deallocate(GROUP, "vm-b", **FAST).result()
    stopped = [status.code for status in vms.instance_view(GROUP, "vm-b").statuses]
    vms.begin_start(GROUP, "vm-b", **FAST).result()
    return ["PowerState/deallocated" in stopped]


def skus():
    sizes = [sku.name for sku in client.resource_skus.list() if sku.resource_type == "virtualMachines"]
    return ["Standard_D8s_v5" in sizes]


def failing_operation():
    """The tests have made the next creation fail after it was accepted."""
    return refusal(lambda: disks.begin_create_or_update(GROUP, "failing", disk_body(4), **FAST).result())


def throttled():
    """The tests have made the first two GETs of this disk answer 429: the SDK waits and repeats them."""
    disks.begin_create_or_update(GROUP, "throttled", disk_body(4), **FAST).result()
    name = disks.get(GROUP, "throttled").name
    disks.begin_delete(GROUP, "throttled", **FAST).result()
    return name


def deletes():
    disks.begin_delete(GROUP, "py-1", **FAST).result()
    try:
        disks.get(GROUP, "py-1")
    except ResourceNotFoundError as error:
        return [error.status_code, error.error.code]
    return "still there"


CHECKS = [
    creates_and_grows, pages, attaches, refuses_wrong_etag, refuses_second_vm, detaches, makes_with_vm,
    snapshots_and_restores, scale_set_instances, instance_errors, attaches_by_action,
    vm_and_instance_failing_operation, vm_and_instance_throttled, rolling_upgrades, power, skus,
    failing_operation, throttled, deletes,
]  # fmt: skip

results = {}
for check in CHECKS:
    try:
        results[check.__name__] = check()
    except Exception as error:  # One that fails must not hide the others.
        results[check.__name__] = f"{type(error).__name__}: {error}"
json.dump(results, sys.stdout)
