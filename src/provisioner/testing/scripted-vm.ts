import { createSeededRandom } from "../../adapters/virtual/seeded-random.ts";
import { settledOn } from "../../adapters/virtual/testing/settled-on.ts";
import { createVirtualClock, type VirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import type { NodeIdentity } from "../../core/api/identity/node-identity.ts";
import { resourceUriKey } from "../../core/azure/ids/disk-uri.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import type {
  ArmAnswer,
  ArmApi,
  ArmDataDisk,
  ArmDisk,
  ArmError,
  ArmOperationStatus,
  ArmVm,
  ArmVmChange,
} from "../arm/arm-api.ts";
import { createArmSession } from "../arm/arm-session.ts";
import { ThrottleBudget } from "../arm/throttle-budget.ts";
import { SharedDiskReads } from "../disk/shared-disk-reads.ts";
import { defaultProvisionerSettings, type ProvisionerSettings } from "../settings.ts";
import { AttachBatch } from "../vm/attach-batch.ts";
import { EtagWrites } from "../vm/etag-writes.ts";
import { FenceBatch } from "../vm/fence-batch.ts";
import type { Latecomers } from "../vm/group-commit.ts";
import { SharedVmReads } from "../vm/shared-vm-reads.ts";
import { UpdatesUnderWay } from "../vm/updates-under-way.ts";
import { VmRequest, type VmRequestSpec } from "../vm/vm-request.ts";
import { VmSizes } from "../vm/vm-sizes.ts";

const GROUP = "/subscriptions/sub-1/resourceGroups/rg-1/providers/Microsoft.Compute";

/** The VM's resource id. */
export const vmUri = `${GROUP}/virtualMachines/vm-a`;
/** The node on the VM. Azure answers GUIDs in lower case, a node's machine may report capitals. */
export const node: NodeIdentity = { nodeName: "node-a", vmId: "GUID-A", instanceUri: vmUri };

export function diskUri(name: string): string {
  return `${GROUP}/disks/${name}`;
}

export function anEntry(name: string, lun: number, overrides: Partial<ArmDataDisk> = {}): ArmDataDisk {
  return {
    lun,
    name,
    createOption: "Attach",
    managedDisk: { id: diskUri(name) },
    toBeDetached: false,
    ...overrides,
  };
}

export function anArmError(overrides: Partial<ArmError>): ArmError {
  return {
    statusCode: 400,
    code: "BadRequest",
    message: "",
    target: "",
    details: [],
    internalErrorCode: "",
    retryAfterMs: undefined,
    requestId: "",
    ...overrides,
  };
}

/** The end of an operation that Azure had accepted, and that failed. */
export function anOperationError(overrides: Partial<ArmError> = {}): ArmError {
  return anArmError({ statusCode: 200, code: "InternalExecutionError", ...overrides });
}

/**
 * What happens to an update: Azure carries it out, calls it done without doing it, works on it without
 * an end, does so without naming an operation (`untold`), or answers an error.
 */
export type UpdateEnd = "carriedOut" | "ignored" | "hangs" | "untold" | ArmError;

export interface SentUpdate {
  readonly change: ArmVmChange;
  readonly ifMatch: string;
  /** Since the VM was made, in milliseconds. */
  readonly atMs: number;
}

/** One VM in an Azure that follows a test's script, on a virtual clock. Calls take no time. */
export interface ScriptedVm {
  readonly clock: VirtualClock;
  /** What the next read answers; a test changes it as Azure, or other clients, do. */
  vm: ArmVm;
  /** Called at each read of the VM: changes it, or answers an error. */
  onRead: (vm: ArmVm, asked: { readonly atMs: number; readonly instanceView: boolean }) => ArmVm | ArmError;
  /** Decides about an update. Default: each is carried out. */
  onUpdate: (update: SentUpdate, index: number) => UpdateEnd;
  /** Decides what a poll answers about an update that ended so. Default: that. */
  onPoll: (end: UpdateEnd) => UpdateEnd | "refused";
  /** The VMs that each disk names as its owners; undefined: there is no such disk. Default: none. */
  owners: (diskUri: string) => readonly string[] | undefined;
  readonly updates: readonly SentUpdate[];
  readonly underWay: UpdatesUnderWay;
  /** A request; its `precondition` is true unless given. */
  request(kind: VmRequestSpec["kind"], diskName: string, overrides?: Partial<VmRequestSpec>): VmRequest;
  /** Runs attaches and detaches as one batch; returns how each ended. */
  attachBatch(...requests: readonly VmRequest[]): Promise<readonly Awaited<VmRequest["answer"]>[]>;
  /** Requests that arrive while a batch reads the VM. It takes them once, and returns those it can't use. */
  late: readonly VmRequest[];
  /** Runs fences, proofs and write barriers as one batch; returns how each ended. */
  fenceBatch(...requests: readonly VmRequest[]): Promise<readonly Awaited<VmRequest["answer"]>[]>;
}

const never = new AbortController().signal;
const answered = <T>(result: Result<T, ArmError>): Promise<ArmAnswer<T>> =>
  Promise.resolve({ result, remaining: [] });
const isError = (value: ArmVm | ArmError | UpdateEnd): value is ArmError =>
  typeof value === "object" && "statusCode" in value;

export function aScriptedVm(
  dataDisks: readonly ArmDataDisk[] = [],
  settings: Partial<ProvisionerSettings> = {},
): ScriptedVm {
  const clock = createVirtualClock();
  const startedMs = clock.elapsedMs();
  const updates: SentUpdate[] = [];
  const ends = new Map<string, UpdateEnd>();
  let etagNumber = 1;
  const api: Partial<ArmApi> = {
    getVm: ({ instanceView }) => {
      const read = world.onRead(world.vm, { atMs: clock.elapsedMs() - startedMs, instanceView });
      if (isError(read)) return answered<ArmVm>(fail(read));
      world.vm = read;
      return answered(ok(read));
    },
    startVmUpdate: ({ change, ifMatch }) => {
      const update = { change, ifMatch, atMs: clock.elapsedMs() - startedMs };
      updates.push(update);
      const end = world.onUpdate(update, updates.length - 1);
      // An error without an accepted operation is the answer to the request itself.
      if (isError(end) && end.statusCode !== 200) return answered(fail(end));
      if (end === "carriedOut") carryOut(change);
      if (end === "hangs" || end === "untold") begin(change);
      if (end === "untold")
        return answered(
          ok({ pollUrl: undefined, isUntold: true, kind: "vm" as const, retryAfterMs: undefined }),
        );
      const pollUrl = `operation-${updates.length}`;
      ends.set(pollUrl, end);
      return answered(ok({ pollUrl, kind: "vm" as const, retryAfterMs: undefined }));
    },
    pollOperation: ({ operation }) => {
      const end = world.onPoll(ends.get(operation.pollUrl ?? "") ?? "carriedOut");
      if (end === "refused")
        return answered<ArmOperationStatus>(
          fail(anArmError({ statusCode: 403, code: "AuthorizationFailed" })),
        );
      if (isError(end)) return answered(ok({ state: "failed" as const, error: end }));
      return answered(
        ok(end === "hangs" ? { state: "running" as const, operation } : { state: "succeeded" as const }),
      );
    },
    getDisk: ({ name }) => {
      const owners = world.owners(diskUri(name));
      if (owners === undefined)
        return answered<ArmDisk>(fail(anArmError({ statusCode: 404, code: "ResourceNotFound" })));
      const [managedBy, ...others] = owners;
      const managedByExtended = managedBy === undefined ? [] : [managedBy, ...others];
      return answered(
        ok({
          id: diskUri(name),
          name,
          location: "eastus",
          zones: [],
          tags: {},
          skuName: "Premium_LRS",
          diskSizeGB: 64,
          diskIOPSReadWrite: undefined,
          diskMBpsReadWrite: undefined,
          networkAccessPolicy: undefined,
          publicNetworkAccess: undefined,
          diskAccessId: undefined,
          maxShares: 1,
          provisioningState: "Succeeded",
          managedBy,
          managedByExtended,
          sourceId: undefined,
          logicalSectorSize: undefined,
          burstingEnabled: false,
          completionPercent: undefined,
        }),
      );
    },
    listUsages: () => answered(ok([])),
    listVmSizes: () => answered(ok([{ name: "Standard_D2s_v5", dataDisksMax: 4 }])),
  };
  const carryOut = ({ dataDisks: requested }: ArmVmChange): void => {
    const kept = (requested ?? world.vm.dataDisks).filter((entry) => entry.toBeDetached !== true);
    world.vm = { ...world.vm, etag: `"${++etagNumber}"`, provisioningState: "Succeeded", dataDisks: kept };
  };
  const begin = ({ dataDisks: requested }: ArmVmChange): void => {
    world.vm = {
      ...world.vm,
      etag: `"${++etagNumber}"`,
      provisioningState: "Updating",
      dataDisks: requested ?? world.vm.dataDisks,
    };
  };
  const all = { ...defaultProvisionerSettings, ...settings };
  const budget = new ThrottleBudget({ clock, limits: all.limits, gatewayLimits: all.gatewayLimits });
  const arm = api as ArmApi;
  const session = createArmSession({
    arm,
    budget,
    clock,
    random: createSeededRandom(1),
    settings: all,
    lifetime: never,
  });
  const vm = {
    subscriptionId: "sub-1",
    resourceGroup: "rg-1",
    name: "vm-a",
    key: resourceUriKey(vmUri),
    uri: vmUri,
  };
  const underWay = new UpdatesUnderWay(clock);
  const etagWrites = new EtagWrites();
  let sequence = 0;
  const world: ScriptedVm = {
    late: [],
    clock,
    vm: {
      id: vmUri,
      name: "vm-a",
      location: "eastus",
      zones: [],
      tags: { team: "storage" },
      etag: `"1"`,
      vmId: "guid-a",
      vmSize: "Standard_D2s_v5",
      provisioningState: "Succeeded",
      diskControllerType: "SCSI",
      dataDisks,
      statusCodes: undefined,
      agentStatusCodes: undefined,
    },
    onRead: (present) => present,
    onUpdate: () => "carriedOut",
    onPoll: (end) => end,
    owners: () => [],
    updates,
    underWay,
    request: (kind, diskName, overrides = {}) =>
      new VmRequest(
        {
          kind,
          diskUri: diskUri(diskName),
          node,
          cachingMode: "None",
          lane: "primaryAttach",
          precondition: () => Promise.resolve(true),
          ...overrides,
        },
        sequence++,
        never,
      ),
    attachBatch: async (...requests) => {
      const context = { session, vm, sizes: new VmSizes(session, never), underWay };
      const latecomers: Latecomers = {
        take: async () => {
          const taken = world.late;
          world.late = [];
          return taken;
        },
        putBack: (returned) => {
          world.late = [...world.late, ...returned];
        },
      };
      await settledOn(clock, new AttachBatch(context, requests, never).run(latecomers));
      return Promise.all(requests.map(({ answer }) => answer));
    },
    fenceBatch: async (...requests) => {
      const context = {
        session,
        place: { subscriptionId: "sub-1" },
        vmReads: new SharedVmReads(session),
        diskReads: new SharedDiskReads(session, never),
        vm,
        etagWrites,
        underWay,
      };
      await settledOn(clock, new FenceBatch(context, requests, never).run());
      return Promise.all(requests.map(({ answer }) => answer));
    },
  };
  return world;
}
