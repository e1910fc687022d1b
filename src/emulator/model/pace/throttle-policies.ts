/** A token bucket: `burst` calls at once, then `perMinute`. */
export interface ThrottleLimit {
  readonly burst: number;
  readonly perMinute: number;
}

const GATEWAY_PREFIX = "subscription-";

/** A bucket from which a call takes a token: one for each resource, or one for the whole subscription. */
export interface ThrottlePolicy {
  /** As in `x-ms-ratelimit-remaining-resource: Microsoft.Compute/<name>;<remaining>`. */
  readonly name: string;
  readonly scope: "Resource" | "Subscription";
  readonly limit: ThrottleLimit;
  /** Only reported, as this figure, and no limit. */
  readonly figure?: number;
}

/**
 * Published for the compute provider: how many calls at once, and a third of them a minute, for each resource
 * and for the subscription.
 */
function pair(
  name: string,
  resourceBurst: number | undefined,
  subscriptionBurst: number,
): readonly ThrottlePolicy[] {
  const limit = (burst: number): ThrottleLimit => ({ burst, perMinute: Math.floor(burst / 3) });
  const whole = `${name}SubscriptionMaximum`;
  return [
    { name: whole, scope: "Subscription", limit: limit(subscriptionBurst) },
    ...(resourceBurst === undefined
      ? []
      : [{ name: `${name}Resource`, scope: "Resource", limit: limit(resourceBurst) } as const]),
  ];
}

function ofSubscription(policies: readonly ThrottlePolicy[]): readonly ThrottlePolicy[] {
  return policies.filter(({ scope }) => scope === "Subscription");
}

/** The disk provider still counts over windows of 3 and 30 minutes. */
function windows(name: string, in3Min: number, in30Min: number): readonly ThrottlePolicy[] {
  return [
    { name: `${name}3Min`, scope: "Subscription", limit: { burst: in3Min, perMinute: in3Min / 3 } },
    { name: `${name}30Min`, scope: "Subscription", limit: { burst: in30Min, perMinute: in30Min / 30 } },
  ];
}

const PUT_VM = pair("PutVM", 12, 1500);
const UPDATE_VM = pair("UpdateVM", 12, 1500);
/** Recorded in February 2026. Inferred: it refills as UpdateVM does. */
const ATTACH_DETACH = pair("AttachDetachVMDisks", 12, 1500);
const DELETE_VM = pair("DeleteVM", 12, 1500);
const LOW_COST_GET = pair("LowCostGet", 36, 24_000);
const HIGH_COST_GET = pair("HighCostGet", undefined, 900);
/**
 * What writes of uniform scale sets and of their instances also take from, and the length of a queue, which
 * has been 0 in all answers since 2022. Recorded by Azure's CLI in 2023 to 2025 (Azure/azure-cli, vm module's
 * recordings test_vmss_*.yaml), as are all names and bursts of scale sets here. How fast the buckets of
 * subscriptions refill is published, or inferred from that: a third of the burst a minute. Answers about
 * flexible sets have neither; here they do.
 */
const INSTANCE_REQUESTS: readonly ThrottlePolicy[] = [
  ...pair("VMScaleSetBatchedVMRequests", undefined, 6000),
  { name: "VmssQueuedVMOperations", scope: "Subscription", limit: { burst: 0, perMinute: 0 }, figure: 0 },
];
const INSTANCE_VIEWS = pair("VMScaleSetVMViews", undefined, 30_000);
const ACT_ON_INSTANCE = pair("VMScaleSetVMActions", 12, 2000);
const UPDATE_INSTANCE = [...ACT_ON_INSTANCE, ...INSTANCE_REQUESTS];
const DELETE_INSTANCE = [...pair("DeleteVMScaleSetVM", 12, 2000), ...INSTANCE_REQUESTS];
const GET_INSTANCE = [...pair("GetVMScaleSetVM", 36, 6000), ...INSTANCE_VIEWS];
const PUT_SCALE_SET = pair("CreateVMScaleSet", 12, 375);
const UPDATE_SCALE_SET = pair("VMScaleSetActions", 12, 1500);
const DELETE_SCALE_SET = pair("DeleteVMScaleSet", 12, 525);
/** Actions on instances count for the subscription only. */
const ACT_ON_INSTANCES = [...ofSubscription(UPDATE_SCALE_SET), ...INSTANCE_REQUESTS];
const POWER_OFF_INSTANCES = [...ofSubscription(DELETE_SCALE_SET), ...INSTANCE_REQUESTS];
const GET_SCALE_SET = pair("GetVMScaleSet", 36, 2400);
const HIGH_COST_GET_SCALE_SET = pair("HighCostGetVMScaleSet", 30, 1080);
const GET_OPERATION = pair("GetOperation", 45, 15_000);
// Recorded from 2023 on; a third of that in 2021.
const DISK_WRITE = windows("CreateUpdateDisks", 3000, 25_000);
const DISK_DELETE = windows("DeleteDisks", 3000, 24_000);
const DISK_GET = windows("LowCostGet", 15_000, 120_000);
const DISK_LIST = windows("HighCostGet", 240, 1920);
/** Recorded: snapshots and access to bytes have buckets of their own, also for the end of the access. */
const SNAPSHOT_HYDRATE = windows("HighCostSnapshotCreateHydrate", 1000, 8000);
const DISK_HYDRATE = windows("HighCostDiskHydrate", 1000, 8000);
const ENCRYPTION_SET_WRITE = windows("CreateUpdateHighCostDiskEncryptionSet", 100, 300);
const ENCRYPTION_SET_DELETE = windows("DeleteHighCostDiskEncryptionSet", 200, 500);
const DISK_ACCESS_WRITE = windows("HighCostDiskAccess", 100, 300);
const DISK_ACCESS_GET = windows("LowCostDiskAccessGet", 1000, 5000);
const DISK_GET_OPERATION = windows("GetOperation", 50_000, 400_000);

const BY_OPERATION: Readonly<Record<string, readonly ThrottlePolicy[]>> = {
  // Published: a PUT of an existing VM counts as UpdateVM. Recorded: headers of attaches by PUT say PutVM.
  // `throttleGroups` allows either.
  VirtualMachines_CreateOrUpdate: PUT_VM,
  VirtualMachines_Update: UPDATE_VM,
  VirtualMachines_AttachDetachDataDisks: ATTACH_DETACH,
  VirtualMachines_Start: UPDATE_VM,
  VirtualMachines_PowerOff: UPDATE_VM,
  VirtualMachines_Restart: UPDATE_VM,
  VirtualMachines_Redeploy: UPDATE_VM,
  VirtualMachines_Reapply: UPDATE_VM,
  VirtualMachines_Reimage: UPDATE_VM,
  VirtualMachines_RunCommand: UPDATE_VM,
  // Recorded in 2024 by Azure's CLI.
  VirtualMachines_SimulateEviction: DELETE_VM,
  VirtualMachines_Deallocate: DELETE_VM,
  VirtualMachines_Delete: DELETE_VM,
  VirtualMachines_Get: LOW_COST_GET,
  VirtualMachines_InstanceView: LOW_COST_GET,
  VirtualMachines_List: HIGH_COST_GET,
  VirtualMachines_ListByLocation: HIGH_COST_GET,
  VirtualMachines_ListAll: HIGH_COST_GET,
  VirtualMachines_ListAvailableSizes: LOW_COST_GET,
  // Recorded in March and November 2025: calls of availability sets count for the subscription only.
  AvailabilitySets_CreateOrUpdate: ofSubscription(PUT_VM),
  AvailabilitySets_Update: ofSubscription(PUT_VM),
  AvailabilitySets_Delete: ofSubscription(DELETE_VM),
  AvailabilitySets_Get: ofSubscription(LOW_COST_GET),
  AvailabilitySets_List: ofSubscription(LOW_COST_GET),
  AvailabilitySets_ListBySubscription: ofSubscription(LOW_COST_GET),
  AvailabilitySets_ListAvailableSizes: ofSubscription(LOW_COST_GET),
  VirtualMachineScaleSetVMs_Update: UPDATE_INSTANCE,
  VirtualMachineScaleSetVMs_AttachDetachDataDisks: UPDATE_INSTANCE,
  VirtualMachineScaleSetVMs_Start: UPDATE_INSTANCE,
  VirtualMachineScaleSetVMs_Restart: UPDATE_INSTANCE,
  VirtualMachineScaleSetVMs_Redeploy: UPDATE_INSTANCE,
  VirtualMachineScaleSetVMs_Reimage: UPDATE_INSTANCE,
  VirtualMachineScaleSetVMs_ReimageAll: UPDATE_INSTANCE,
  VirtualMachineScaleSetVMs_PowerOff: DELETE_INSTANCE,
  VirtualMachineScaleSetVMs_Deallocate: DELETE_INSTANCE,
  VirtualMachineScaleSetVMs_Delete: DELETE_INSTANCE,
  VirtualMachineScaleSetVMs_Get: GET_INSTANCE,
  VirtualMachineScaleSetVMs_GetInstanceView: GET_INSTANCE,
  VirtualMachineScaleSetVMs_List: [...HIGH_COST_GET_SCALE_SET, ...INSTANCE_VIEWS],
  VirtualMachineScaleSets_CreateOrUpdate: [...PUT_SCALE_SET, ...INSTANCE_REQUESTS],
  VirtualMachineScaleSets_Update: [...UPDATE_SCALE_SET, ...INSTANCE_REQUESTS],
  VirtualMachineScaleSets_Delete: [...DELETE_SCALE_SET, ...INSTANCE_REQUESTS],
  VirtualMachineScaleSets_Deallocate: POWER_OFF_INSTANCES,
  VirtualMachineScaleSets_PowerOff: POWER_OFF_INSTANCES,
  VirtualMachineScaleSets_Start: ACT_ON_INSTANCES,
  VirtualMachineScaleSets_Restart: ACT_ON_INSTANCES,
  VirtualMachineScaleSets_Redeploy: ACT_ON_INSTANCES,
  VirtualMachineScaleSets_Reimage: ACT_ON_INSTANCES,
  VirtualMachineScaleSets_ReimageAll: ACT_ON_INSTANCES,
  VirtualMachineScaleSets_Reapply: ACT_ON_INSTANCES,
  VirtualMachineScaleSetVMs_RunCommand: UPDATE_INSTANCE,
  VirtualMachineScaleSetVMs_SimulateEviction: ACT_ON_INSTANCE,
  VirtualMachineScaleSets_DeleteInstances: ACT_ON_INSTANCES,
  VirtualMachineScaleSets_UpdateInstances: ACT_ON_INSTANCES,
  VirtualMachineScaleSets_Get: GET_SCALE_SET,
  VirtualMachineScaleSets_List: ofSubscription(HIGH_COST_GET_SCALE_SET),
  VirtualMachineScaleSets_ListAll: ofSubscription(HIGH_COST_GET_SCALE_SET),
  VirtualMachineScaleSets_ListByLocation: ofSubscription(HIGH_COST_GET_SCALE_SET),
  VirtualMachineScaleSets_GetInstanceView: HIGH_COST_GET_SCALE_SET,
  VirtualMachineScaleSets_ListSkus: GET_SCALE_SET,
  Disks_CreateOrUpdate: DISK_WRITE,
  Disks_Update: DISK_WRITE,
  Disks_Delete: DISK_DELETE,
  Disks_Get: DISK_GET,
  Disks_List: DISK_LIST,
  Disks_ListByResourceGroup: DISK_LIST,
  Disks_GrantAccess: DISK_HYDRATE,
  Disks_RevokeAccess: DISK_HYDRATE,
  Snapshots_CreateOrUpdate: SNAPSHOT_HYDRATE,
  Snapshots_GrantAccess: SNAPSHOT_HYDRATE,
  Snapshots_RevokeAccess: SNAPSHOT_HYDRATE,
  // Not recorded.
  Snapshots_Update: DISK_WRITE,
  Snapshots_Delete: DISK_DELETE,
  Snapshots_Get: DISK_GET,
  Snapshots_List: DISK_LIST,
  Snapshots_ListByResourceGroup: DISK_LIST,
  // Recorded (Azure PowerShell's TestAutomaticKeyRotation): no bucket counts a PATCH of a set.
  DiskEncryptionSets_CreateOrUpdate: ENCRYPTION_SET_WRITE,
  DiskEncryptionSets_Delete: ENCRYPTION_SET_DELETE,
  DiskEncryptionSets_Get: DISK_GET,
  DiskAccesses_CreateOrUpdate: DISK_ACCESS_WRITE,
  DiskAccesses_Update: DISK_ACCESS_WRITE,
  DiskAccesses_Delete: DISK_ACCESS_WRITE,
  DiskAccesses_Get: DISK_ACCESS_GET,
  DiskAccesses_List: DISK_LIST,
  DiskAccesses_ListByResourceGroup: DISK_LIST,
};

const BY_GROUP = {
  PutVM: PUT_VM,
  UpdateVM: UPDATE_VM,
  DeleteVM: DELETE_VM,
  CreateUpdateDisks: DISK_WRITE,
  DeleteDisks: DISK_DELETE,
} as const satisfies Readonly<Record<string, readonly ThrottlePolicy[]>>;

/** Groups of writes that count together. The group of an operation is not published for all. */
export type ThrottleGroup = keyof typeof BY_GROUP;

export const THROTTLE_GROUPS: readonly ThrottleGroup[] = [
  "PutVM",
  "UpdateVM",
  "DeleteVM",
  "CreateUpdateDisks",
  "DeleteDisks",
];

export const COUNTED_OPERATIONS = Object.keys(BY_OPERATION);

/** The buckets from which a call takes a token. */
export function policiesOf(
  operation: string,
  call: {
    readonly isPoll: boolean;
    readonly isDisk: boolean;
    /** Of an operation of Resource Manager itself. */
    readonly isGroup: boolean;
    readonly groups: Readonly<Partial<Record<string, ThrottleGroup>>>;
  },
): readonly ThrottlePolicy[] {
  if (call.isGroup) return [];
  if (call.isPoll) return call.isDisk ? DISK_GET_OPERATION : GET_OPERATION;
  const group = call.groups[operation];
  return group === undefined ? (BY_OPERATION[operation] ?? []) : BY_GROUP[group];
}

/**
 * ARM's own front door, for each subscription: reads, writes and deletes of one caller, and fifteen times
 * as many of all together.
 */
export const GATEWAY_POLICIES = {
  reads: gateway("reads", { burst: 250, perMinute: 1500 }),
  writes: gateway("writes", { burst: 200, perMinute: 600 }),
  deletes: gateway("deletes", { burst: 200, perMinute: 600 }),
} as const;

function gateway(kind: string, limit: ThrottleLimit): readonly ThrottlePolicy[] {
  const global = { burst: limit.burst * 15, perMinute: limit.perMinute * 15 };
  return [
    { name: `${GATEWAY_PREFIX}${kind}`, scope: "Subscription", limit },
    { name: `${GATEWAY_PREFIX}global-${kind}`, scope: "Subscription", limit: global },
  ];
}

/** Whether a policy is the front door's, which has a header and an error of its own. */
export function isGateway(policy: ThrottlePolicy): boolean {
  return policy.name.startsWith(GATEWAY_PREFIX);
}

/** The names of all limits, as the headers give them. Those that are figures only limit nothing. */
export const LIMIT_NAMES: readonly string[] = [
  ...new Set(
    [BY_OPERATION, BY_GROUP, GATEWAY_POLICIES, { DISK_GET_OPERATION, GET_OPERATION }]
      .flatMap((each) => Object.values<readonly ThrottlePolicy[]>(each).flat())
      .filter(({ figure }) => figure === undefined)
      .map(({ name }) => name),
  ),
];
