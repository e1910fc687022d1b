import type { Json } from "./api/json.ts";
import { ANY_IDENTITY, type Identities } from "./authorization/identities.ts";
import { DEFAULT_LATENCIES, type Latencies } from "./pace/latency.ts";
import type { ThrottleGroup, ThrottleLimit } from "./pace/throttle-policies.ts";
import type { QuotaName } from "./subscription/quota-table.ts";

/** An Azure policy with the effect Deny. */
export interface Policy {
  /** Default: `Policy of the emulator`. */
  readonly name?: string;
  /** The writes that it judges: `Microsoft.Compute/disks/write`, `*` for any part. */
  readonly action: string;
  /** A member of the written resource: `properties.publicNetworkAccess`. */
  readonly property: string;
  /** The value that it forbids; null: that the resource is without the member. */
  readonly equals: Json;
}

/** A VM size or a SKU of disks that a subscription can't have. */
export interface RestrictedSku {
  /** `Standard_D8s_v5`, `PremiumV2_LRS`. */
  readonly name: string;
  /** Default: every region. */
  readonly location?: string;
  /** Default: the whole region. */
  readonly zones?: readonly string[];
}

/** Actions that a caller may do: everywhere, or at a subscription, group or resource and below it. */
export type Grant = string | { readonly actions: readonly string[]; readonly scope: string };

/** Settings for behaviour that differs in the real service by region, by version, or from day to day. */
export interface ModelSettings {
  /**
   * Factor on every latency. 1 is Azure's pace, 0.01 a hundred times as fast, 0 ends each operation by its
   * first poll.
   */
  readonly timeScale: number;
  readonly latencies: Latencies;
  /**
   * The answer to a second write to a VM during the first: 409 Conflict, or it takes over and the first
   * ends `OperationPreempted`.
   */
  readonly concurrentVmWrite: "conflict" | "preempt";
  /**
   * Whether powering off and deallocating preempt a running update of the VM, such as a detach that hangs.
   */
  readonly powerOffPreemptsUpdate: boolean;
  /**
   * When a VM's ETag moves: when the service accepts a write, when the write's operation ends, or as
   * recorded: when it accepts one, and again at the end of one that has made the VM or detached disks.
   */
  readonly etagMovesAt: "recorded" | "start" | "end";
  /**
   * Which updates move the ETag: all, PATCH `{}` included; those that send a list of data disks, even an
   * unchanged one, or change something; or only those that change something.
   */
  readonly etagMovedBy: "update" | "dataDisks" | "change";
  /**
   * The answer to a forced detach while the VM is being reimaged: refused with 409, or accepted, and the VM
   * comes back without its set-up: nothing on it answers.
   */
  readonly forcedDuringReimage: "refuse" | "breaks";
  /**
   * What a failed attach leaves in the VM's list: the entry, without its disk, until a later write of the
   * VM attaches or removes it; or nothing.
   */
  readonly failedAttach: "kept" | "removed";
  /** How a preempted operation ends: newer services say Canceled, older ones Failed. */
  readonly preemptedStatus: "Canceled" | "Failed";
  /**
   * A disk that is being attached still reads `Unattached`. Whether a DELETE in that window succeeds, as it
   * used to.
   */
  readonly deleteWinsOverAttachInFlight: boolean;
  /**
   * Whether two first attaches of a shared disk within `sharedAttachRace` collide, as the service was seen
   * to do.
   */
  readonly sharedAttachRace: boolean;
  /**
   * Whether VMs have the OS disk that each VM of Azure has, which is listed as a disk, and those of the
   * set-up the profiles of a VM of Azure's; if not, only what a write states.
   */
  readonly osDisks: boolean;
  /** Whether the SKU and maxShares of a disk can change while a running VM has it. */
  readonly changesWhileAttached: "refuse" | "allow";
  /** Whether lists over a whole subscription return ids with the resource group in upper case. */
  readonly upperCaseGroupInSubscriptionLists: boolean;
  /**
   * Subscriptions beside those that the set-up names; `*` stands for every id that is a GUID. Where neither
   * names one there is `00000000-0000-0000-0000-000000000000`.
   */
  readonly subscriptions: readonly string[];
  /** The regions of every subscription; empty: those of Azure's public cloud. */
  readonly locations: readonly string[];
  readonly createResourceGroups: boolean;
  /**
   * `Retry-After` of every answer that leaves an operation in progress, in whole seconds of the client's
   * clock, whatever the time scale. 0: as recorded, in the model's clock, where that is a second or more.
   */
  readonly pollAfterS: number;
  /** Items per page of a list. */
  readonly pageSize: number;
  /** `report` counts and returns the remaining calls in headers, `enforce` also refuses with 429. */
  readonly throttling: "off" | "report" | "enforce";
  /**
   * Limits that differ from the published ones, by the name that the headers give: `{UpdateVMResource:
   * {burst: 1, perMinute: 1}}`.
   */
  readonly throttleLimits: Readonly<Partial<Record<string, ThrottleLimit>>>;
  /**
   * Operations that count against another group of limits than by default:
   * `{VirtualMachines_AttachDetachDataDisks: PutVM}`.
   */
  readonly throttleGroups: Readonly<Partial<Record<string, ThrottleGroup>>>;
  /**
   * The actions that the roles of a caller allow, by caller; `*` is every caller without an entry:
   * `{"*": ["Microsoft.Compute/disks/*"]}`. A call without them is refused with 403. With a scope they
   * count there only, as those of a role that is assigned to a resource group.
   */
  readonly permissions: Readonly<Record<string, readonly Grant[]>>;
  /** Who can sign in, and so call. Default: everybody, with any secret. */
  readonly identities: Identities;
  /** Actions that a deny assignment forbids to every caller, as AKS' node resource group lockdown does. */
  readonly deniedActions: readonly string[];
  /** Azure policies that deny writes with 403 `RequestDisallowedByPolicy`. */
  readonly policies: readonly Policy[];
  /**
   * Limits that differ from Azure's defaults, for each region of each subscription: `{PremiumDiskCount: 10}`.
   */
  readonly quotas: Readonly<Partial<Record<QuotaName, number>>>;
  /** VM sizes and SKUs of disks that no subscription can have in a region or in some of its zones. */
  readonly restrictedSkus: readonly RestrictedSku[];
  /**
   * The ids of new instances of uniform scale sets: never used before, or the lowest ones that are free, so
   * that an id comes back with another VM.
   */
  readonly instanceIds: "grow" | "reuse";
  /** The API versions that Microsoft.Compute has; empty: any. */
  readonly apiVersions: readonly string[];
  /** The number of journal entries; the oldest are dropped first. */
  readonly journalMax: number;
}

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
