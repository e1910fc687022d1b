import * as z from "zod";
import type { Json } from "./api/json.ts";
import { ANY_IDENTITY, type Identities } from "./authorization/identities.ts";
import {
  anyValue,
  choice,
  flag,
  type Input,
  listOf,
  members,
  number,
  readInput,
  recordOf,
  someOf,
  text,
  whole,
} from "./input.ts";
import { DEFAULT_LATENCIES, type Latencies, type LatencyName } from "./pace/latency.ts";
import { COUNTED_OPERATIONS, LIMIT_NAMES, THROTTLE_GROUPS } from "./pace/throttle-policies.ts";
import { QUOTAS, type QuotaName } from "./subscription/quota-table.ts";

const positive = z.number("is a number above 0").positive("is a number above 0");

const latency = members({
  medianMs: number(0),
  p99Ms: number(0).exactOptional(),
  perDiskMs: number(0).exactOptional(),
}).refine(
  ({ medianMs, p99Ms = medianMs }) => p99Ms >= medianMs,
  "needs a p99Ms that is not below its medianMs",
);

/** An Azure policy with the effect Deny. */
const policy = members({
  /** Default: `Policy of the emulator`. */
  name: text.exactOptional(),
  /** The writes that it judges: `Microsoft.Compute/disks/write`, `*` for any part. */
  action: text,
  /** A member of the written resource: `properties.publicNetworkAccess`. */
  property: text,
  /** The value that it forbids; null: that the resource is without the member. */
  equals: anyValue,
});
export type Policy = Readonly<z.infer<typeof policy>>;

/** A VM size or a SKU of disks that a subscription can't have. */
const restrictedSku = members({
  /** `Standard_D8s_v5`, `PremiumV2_LRS`. */
  name: text,
  /** Default: every region. */
  location: text.exactOptional(),
  /** Default: the whole region. */
  zones: listOf(text).exactOptional(),
});
export type RestrictedSku = Readonly<z.infer<typeof restrictedSku>>;

/** Actions that a caller may do: everywhere, or at a subscription, group or resource and below it. */
const grant = z.union(
  [text, members({ actions: listOf(text), scope: text })],
  "is an action, or {actions, scope}",
);
export type Grant = z.infer<typeof grant>;

const identities: z.ZodType<Identities> = members({
  tenants: listOf(text).default([]),
  clients: recordOf(members({ tenant: text, secret: text, expired: flag.exactOptional() })).default({}),
  subscriptions: recordOf(text).default({}),
});

const settings = members({
  /**
   * Factor on every latency. 1 is Azure's pace, 0.01 a hundred times as fast, 0 ends each operation by its
   * first poll.
   */
  timeScale: number(0),
  latencies: someOf(Object.keys(DEFAULT_LATENCIES) as LatencyName[], latency),
  /**
   * The answer to a second write to a VM during the first: 409 Conflict, or it takes over and the first
   * ends `OperationPreempted`.
   */
  concurrentVmWrite: choice(["conflict", "preempt"]),
  /**
   * Whether powering off and deallocating preempt a running update of the VM, such as a detach that hangs.
   */
  powerOffPreemptsUpdate: flag,
  /**
   * When a VM's ETag moves: when the service accepts a write, when the write's operation ends, or as
   * recorded: when it accepts one, and again at the end of one that has made the VM or detached disks.
   */
  etagMovesAt: choice(["recorded", "start", "end"]),
  /**
   * Which updates move the ETag: all, PATCH `{}` included; those that send a list of data disks, even an
   * unchanged one, or change something; or only those that change something.
   */
  etagMovedBy: choice(["update", "dataDisks", "change"]),
  /**
   * The answer to a forced detach while the VM is being reimaged: refused with 409, or accepted, and the VM
   * comes back without its set-up: nothing on it answers.
   */
  forcedDuringReimage: choice(["refuse", "breaks"]),
  /**
   * What a failed attach leaves in the VM's list: the entry, without its disk, until a later write of the
   * VM attaches or removes it; or nothing.
   */
  failedAttach: choice(["kept", "removed"]),
  /** How a preempted operation ends: newer services say Canceled, older ones Failed. */
  preemptedStatus: choice(["Canceled", "Failed"]),
  /**
   * A disk that is being attached still reads `Unattached`. Whether a DELETE in that window succeeds, as it
   * used to.
   */
  deleteWinsOverAttachInFlight: flag,
  /**
   * Whether two first attaches of a shared disk within `sharedAttachRace` collide, as the service was seen
   * to do.
   */
  sharedAttachRace: flag,
  /**
   * Whether VMs have the OS disk that each VM of Azure has, which is listed as a disk, and those of the
   * set-up the profiles of a VM of Azure's; if not, only what a write states.
   */
  osDisks: flag,
  /** Whether the SKU and maxShares of a disk can change while a running VM has it. */
  changesWhileAttached: choice(["refuse", "allow"]),
  /** Whether lists over a whole subscription return ids with the resource group in upper case. */
  upperCaseGroupInSubscriptionLists: flag,
  /**
   * Subscriptions beside those that the set-up names; `*` stands for every id that is a GUID. Where neither
   * names one there is `00000000-0000-0000-0000-000000000000`.
   */
  subscriptions: listOf(text),
  /** The regions of every subscription; empty: those of Azure's public cloud. */
  locations: listOf(text),
  createResourceGroups: flag,
  /**
   * `Retry-After` of every answer that leaves an operation in progress, in whole seconds of the client's
   * clock, whatever the time scale. 0: as recorded, in the model's clock, where that is a second or more.
   */
  pollAfterS: number(0),
  /** Items per page of a list. */
  pageSize: number(0),
  /** `report` counts and returns the remaining calls in headers, `enforce` also refuses with 429. */
  throttling: choice(["off", "report", "enforce"]),
  /**
   * Limits that differ from the published ones, by the name that the headers give: `{UpdateVMResource:
   * {burst: 1, perMinute: 1}}`.
   */
  throttleLimits: someOf(LIMIT_NAMES, members({ burst: number(1), perMinute: positive })),
  /**
   * Operations that count against another group of limits than by default:
   * `{VirtualMachines_AttachDetachDataDisks: PutVM}`.
   */
  throttleGroups: someOf(COUNTED_OPERATIONS, choice(THROTTLE_GROUPS)),
  /**
   * The actions that the roles of a caller allow, by caller; `*` is every caller without an entry:
   * `{"*": ["Microsoft.Compute/disks/*"]}`. A call without them is refused with 403. With a scope they
   * count there only, as those of a role that is assigned to a resource group.
   */
  permissions: recordOf(listOf(grant)),
  /** Who can sign in, and so call. Default: everybody, with any secret. */
  identities,
  /** Actions that a deny assignment forbids to every caller, as AKS' node resource group lockdown does. */
  deniedActions: listOf(text),
  /** Azure policies that deny writes with 403 `RequestDisallowedByPolicy`. */
  policies: listOf(policy),
  /**
   * Limits that differ from Azure's defaults, for each region of each subscription: `{PremiumDiskCount: 10}`.
   */
  quotas: someOf(Object.keys(QUOTAS) as QuotaName[], whole(0)),
  /** VM sizes and SKUs of disks that no subscription can have in a region or in some of its zones. */
  restrictedSkus: listOf(restrictedSku),
  /**
   * The ids of new instances of uniform scale sets: never used before, or the lowest ones that are free, so
   * that an id comes back with another VM.
   */
  instanceIds: choice(["grow", "reuse"]),
  /** The API versions that Microsoft.Compute has; empty: any. */
  apiVersions: listOf(text),
  /** The number of journal entries; the oldest are dropped first. */
  journalMax: number(0),
});

/** Settings for behaviour that differs in the real service by region, by version, or from day to day. */
export type ModelSettings = Readonly<Omit<z.infer<typeof settings>, "latencies">> & {
  readonly latencies: Latencies;
};

export const DEFAULT_SETTINGS: ModelSettings = {
  timeScale: 1,
  latencies: DEFAULT_LATENCIES,
  concurrentVmWrite: "conflict",
  powerOffPreemptsUpdate: true,
  etagMovesAt: "recorded",
  etagMovedBy: "update",
  forcedDuringReimage: "refuse",
  failedAttach: "kept",
  preemptedStatus: "Canceled",
  deleteWinsOverAttachInFlight: false,
  sharedAttachRace: true,
  osDisks: true,
  changesWhileAttached: "refuse",
  upperCaseGroupInSubscriptionLists: true,
  subscriptions: [],
  locations: [],
  createResourceGroups: false,
  pollAfterS: 0,
  pageSize: 100,
  throttling: "report",
  throttleLimits: {},
  throttleGroups: {},
  permissions: { "*": ["*"] },
  identities: ANY_IDENTITY,
  deniedActions: [],
  policies: [],
  quotas: {},
  restrictedSkus: [],
  instanceIds: "grow",
  apiVersions: [],
  journalMax: 100_000,
};

/** Defaults of earlier versions. A state that was begun with one keeps it, unless a run states another. */
const FORMER_DEFAULTS: Partial<ModelSettings> = { upperCaseGroupInSubscriptionLists: false };

/** Those of `settings` that have a former default. */
export function formerDefaultsIn(settings: Readonly<Record<string, unknown>>): Partial<ModelSettings> {
  return Object.fromEntries(
    Object.entries(FORMER_DEFAULTS).filter(([name, value]) => settings[name] === value),
  );
}

/** Reads settings from the admin API or a scenario. */
export function parseSettings(
  json: Json | undefined,
  current: Latencies = DEFAULT_LATENCIES,
): Input<Partial<ModelSettings>> {
  const read = readInput("the settings", settings.partial(), json);
  if (!read.ok) return read;
  const { latencies, ...others } = read.value;
  const stated = Object.entries(latencies ?? {}).map(([name, { medianMs, p99Ms = medianMs, perDiskMs }]) => [
    name,
    { medianMs, p99Ms, perDiskMs: perDiskMs ?? current[name as LatencyName].perDiskMs ?? 0 },
  ]);
  const value = {
    ...others,
    ...(latencies === undefined ? {} : { latencies: { ...current, ...Object.fromEntries(stated) } }),
  };
  // No member of JSON is present and undefined.
  return { ok: true, value: value as Partial<ModelSettings> };
}
