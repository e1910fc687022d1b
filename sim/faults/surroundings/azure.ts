import type { FaultRule } from "../../../src/emulator/model/pace/fault-rule.ts";
import { releaseStuckOperations } from "../../../src/emulator/model/pace/operations.ts";
import { vmOperations } from "../../azure/vm-names.ts";
import type { TimedFault } from "../../scenario/scenario.ts";
import type { SimWorld } from "../../world.ts";
import { copiesTakeLong } from "../directed/copy/copies-take-long.ts";
import { COPIES } from "../directed/copy/copy-names.ts";
import { detachLate, detachLateAndAllLost, detachLateAndLost } from "../directed/detach/detach-late.ts";
import { etagLeft, etagLeftForAWhile } from "../directed/detach/etag-left.ts";
import { markedWhileNotFound, markedWhileUnlisted } from "../directed/detach/marked-while-hidden.ts";
import { replicaAttachesLost } from "../directed/detach/replica-attaches-lost.ts";
import { diskNotFound } from "../directed/failover/disk-not-found.ts";
import { replicaLeavingAndErased, replicaLeavingAndRestored } from "../directed/failover/replica-leaving.ts";
import { modificationLate } from "../directed/modify/modification-late.ts";
import { modificationsRefused } from "../directed/modify/modifications-refused.ts";
import { metadataLate, metadataSilent } from "../directed/node/metadata-late.ts";
import { vmFailed } from "../directed/node/vm-failed.ts";
import { type BeginFault, type FaultClass, diceAgain, overAtOnce, pick } from "../fault-class.ts";

/** An update of a VM, by either way: how disks come and go. */
const VM_WRITES = vmOperations.update;

/** A rule of the emulator for as long as the fault lasts. */
function rules(make: (fault: TimedFault, world: SimWorld) => readonly FaultRule[]): BeginFault {
  return ({ world }, fault) => {
    const added = make(fault, world).map((rule) => world.azure.model.faults.add(rule).id);
    return () => {
      for (const id of added) world.azure.model.faults.remove(id);
    };
  };
}

/** The disk of the volume that the fault is about, as the emulator's rules name it. */
function diskOf(world: SimWorld, { volumeName }: TimedFault): string {
  return world.cluster.diskUriOf(volumeName) ?? "*/no-disk-yet";
}

/**
 * Azure carries operations out, but does not report their progress: the permission to read operations is
 * missing, or a proxy blocks these URLs.
 */
const refusePolls = rules(({ dice }) => [
  {
    operation: "Operations_Get",
    effect: { kind: "Error", status: pick([401, 403, 404], dice), code: "AuthorizationFailed" },
  },
]);

/** Azure refuses, hangs, gives wrong answers, and loses data. */
export const azure: FaultClass = {
  name: "azure",
  about:
    "Azure throttles with and without Retry-After, refuses with 409, loses requests and answers, never " +
    "ends operations, ends them failed though done or done though not, lists a disk whose attach failed, " +
    "poisons a disk, reads stale or slowly, refuses to say how operations are doing, moves no ETag with an " +
    "update that changes nothing, does not find a VM or disk that is there, shows a VM without its " +
    "disks, fails copies that it has accepted, or takes long for them, and tells a VM late, or not at all, " +
    "which disks it has",
  variants: {
    throttled: {
      forMs: [10_000, 60_000],
      begin: rules(({ dice }) => [
        {
          probability: 0.7,
          effect: {
            kind: "Error",
            status: 429,
            code: "TooManyRequests",
            retryAfterS: pick([1, 5, 20], dice),
          },
        },
      ]),
    },
    "throttled-in-silence": {
      forMs: [10_000, 60_000],
      begin: rules(() => [
        { probability: 0.7, effect: { kind: "Error", status: 429, code: "OperationNotAllowed" } },
      ]),
    },
    // As long as Azure's longest windows.
    "throttled-for-long": {
      forMs: [20_000, 60_000],
      isDirected: true,
      begin: rules(({ dice }) => [
        {
          operation: diceAgain(dice, 1) < 0.6 ? VM_WRITES : pick(["Disks_Get", "*_Get"], diceAgain(dice, 2)),
          probability: 0.5,
          times: 4,
          effect: {
            kind: "Error",
            status: 429,
            code: "TooManyRequests",
            retryAfterS: pick([120, 300, 900], dice),
          },
        },
      ]),
    },
    "conflict-409": {
      forMs: [10_000, 60_000],
      begin: rules(() => [
        { operation: VM_WRITES, probability: 0.6, effect: { kind: "Error", status: 409, code: "Conflict" } },
      ]),
    },
    "internal-errors": {
      forMs: [10_000, 60_000],
      begin: rules(() => [
        { probability: 0.4, effect: { kind: "Error", status: 500, code: "InternalServerError" } },
      ]),
    },
    "requests-lost": {
      forMs: [10_000, 60_000],
      begin: rules(() => [{ probability: 0.4, effect: { kind: "DropRequest" } }]),
    },
    "answers-lost": {
      forMs: [10_000, 60_000],
      begin: rules(() => [{ probability: 0.4, effect: { kind: "DropResponse" } }]),
    },
    "messages-late": {
      forMs: [20_000, 90_000],
      begin: ({ world }, { dice }) => {
        world.azure.setSlowness({ probability: 0.3, ms: pick([2_000, 15_000, 60_000], dice) });
        return () => world.azure.setSlowness({ probability: 0, ms: 0 });
      },
    },
    "detach-late": detachLate,
    "detach-late-and-lost": detachLateAndLost,
    "detach-late-and-all-lost": detachLateAndAllLost,
    "replica-leaving-and-restored": replicaLeavingAndRestored,
    "replica-leaving-and-erased": replicaLeavingAndErased,
    "replica-attaches-lost": replicaAttachesLost,
    "vm-failed": vmFailed,
    "answers-late": {
      forMs: [10_000, 60_000],
      begin: rules(({ dice }) => [
        { probability: 0.4, effect: { kind: "DelayResponse", delayMs: pick([2_000, 15_000, 50_000], dice) } },
      ]),
    },
    "never-ending": {
      forMs: [20_000, 90_000],
      begin: (context, fault) => {
        const end = rules(() => [{ operation: VM_WRITES, times: 2, effect: { kind: "StuckOperation" } }])(
          context,
          fault,
        );
        return () => {
          end();
          // Only Azure can end them: while one runs, the VM accepts no other update.
          releaseStuckOperations(context.world.azure.model.world);
        };
      },
    },
    "done-and-not-said": {
      forMs: [20_000, 90_000],
      begin: rules(() => [{ operation: VM_WRITES, times: 2, effect: { kind: "UnreportedOperation" } }]),
    },
    "failed-but-done": {
      forMs: [10_000, 60_000],
      begin: rules(() => [
        {
          operation: VM_WRITES,
          times: 4,
          probability: 0.7,
          effect: { kind: "FailOperation", code: "VMAgentStatusCommunicationError", applied: "all" },
        },
      ]),
    },
    "failed-and-not-done": {
      forMs: [10_000, 60_000],
      begin: rules(() => [
        {
          operation: VM_WRITES,
          times: 4,
          probability: 0.7,
          effect: { kind: "FailOperation", code: "InternalOperationError", applied: "none" },
        },
      ]),
    },
    "failed-and-listed": {
      forMs: [20_000, 90_000],
      isDirected: true,
      begin: (context, fault) => {
        const end = rules(() => [
          {
            operation: VM_WRITES,
            times: 4,
            probability: 0.7,
            effect: {
              kind: "FailOperation",
              code: "InternalOperationError",
              applied: fault.dice < 0.5 ? "none" : "others",
            },
            ...(fault.dice < 0.5 ? {} : { disk: diskOf(context.world, fault) }),
          },
        ])(context, fault);
        const { world } = context.world.azure.model;
        const before = world.settings.failedAttach;
        world.settings = { ...world.settings, failedAttach: "kept" };
        return () => {
          end();
          world.settings = { ...world.settings, failedAttach: before };
        };
      },
    },
    "succeeded-and-not-done": {
      forMs: [10_000, 60_000],
      begin: rules(() => [
        { operation: VM_WRITES, times: 4, probability: 0.7, effect: { kind: "IdleOperation" } },
      ]),
    },
    "poison-disk": {
      forMs: [20_000, 90_000],
      begin: rules((fault, world) => [
        {
          disk: diskOf(world, fault),
          effect: {
            kind: "FailOperation",
            code: "InternalOperationError",
            applied: fault.dice < 0.5 ? "none" : "others",
          },
        },
      ]),
    },
    "reads-stale": {
      forMs: [10_000, 90_000],
      begin: rules(({ dice }) => [
        {
          operation: dice < 0.5 ? "*_Get" : "*",
          probability: 0.3 + diceAgain(dice, 1) * 0.7,
          effect: { kind: "StaleRead" },
        },
      ]),
    },
    "copies-fail": {
      forMs: [20_000, 90_000],
      isDirected: true,
      begin: rules(({ dice }) => [
        {
          operation: "Disks_CreateOrUpdate",
          resource: COPIES,
          times: 2,
          effect: {
            kind: "FailOperation",
            code: "InternalOperationError",
            applied: dice < 0.7 ? "none" : "all",
          },
        },
      ]),
    },
    "metadata-late": metadataLate,
    "metadata-silent": metadataSilent,
    "modification-late": modificationLate,
    "modifications-refused": modificationsRefused,
    "copies-take-long": copiesTakeLong,
    "etag-left": etagLeft,
    "etag-left-for-a-while": etagLeftForAWhile,
    "marked-while-not-found": markedWhileNotFound,
    "marked-while-unlisted": markedWhileUnlisted,
    "disk-not-found": diskNotFound,
    "polls-refused": {
      forMs: [20_000, 90_000],
      isDirected: true,
      begin: (context, fault) => {
        // The permission stays missing until the end of the run.
        refusePolls(context, fault);
        return overAtOnce;
      },
    },
    outage: {
      forMs: [10_000, 60_000],
      begin: rules(() => [{ effect: { kind: "Error", status: 503, code: "ServiceUnavailable" } }]),
    },
    "one-vm-refuses": {
      forMs: [20_000, 90_000],
      begin: rules(({ nodeName }, { azure }) => [
        {
          operation: VM_WRITES,
          resource: azure.instanceUriOf(nodeName),
          effect: {
            kind: "Error",
            status: 409,
            code: "OperationNotAllowed",
            message: "The VM is in a failed state.",
          },
        },
      ]),
    },
  },
};
