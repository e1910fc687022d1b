import fc from "fast-check";
import type { CandidateNode, PodVolume } from "../pod-volume.ts";

const NAMES = ["node-a", "node-b", "node-c", "node-d"];
const VM_IDS = ["vm-1", "VM-1", "vm-2"];

const nodeName = fc.constantFrom(...NAMES);
const vmId = fc.constantFrom(...VM_IDS);

const candidate: fc.Arbitrary<CandidateNode> = fc.record({
  nodeName,
  vmId,
  location: fc.constantFrom("", "eastus", "EastUS", "westus"),
  zone: fc.constantFrom("", "1", "2"),
  platform: fc.constantFrom("linux", "windows"),
  health: fc.constantFrom("healthy", "not-ready", "silent"),
  volumesMax: fc.nat(4),
  firmAttachments: fc.nat(5),
  isQuarantined: fc.boolean(),
});

const clone = fc.constant({ claim: "default/clone", sourceClaim: "default/data", place: "eastus-1" });

const podVolume: fc.Arbitrary<PodVolume> = fc.record(
  {
    disk: fc.option(
      fc.record({
        location: fc.constantFrom("", "eastus", "westus"),
        skuName: fc.constantFrom("Premium_LRS", "premium_zrs"),
        zones: fc.subarray(["1", "2"]),
        platform: fc.constantFrom(undefined, "linux", "windows"),
      }),
      { nil: undefined },
    ),
    barred: fc.array(fc.record({ nodeName, vmId }), { maxLength: 2 }),
    drawsToWriter: fc.boolean(),
    writer: fc.option(fc.record({ nodeName, vmId }), { nil: undefined }),
    attachments: fc
      .array(
        fc.tuple(
          nodeName,
          fc.record({
            vmId: fc.option(vmId, { nil: undefined }),
            isAttached: fc.boolean(),
            holdsSlot: fc.boolean(),
            isFirm: fc.boolean(),
          }),
        ),
      )
      .map((entries) => new Map(entries)),
    clone,
  },
  { requiredKeys: ["disk", "barred", "drawsToWriter", "writer", "attachments"] },
);

/**
 * Any request of a scheduler with any state of the index: nodes of different names, some of them unknown.
 */
export function arbitraryPlacement(): fc.Arbitrary<{
  readonly nodes: readonly (CandidateNode | undefined)[];
  readonly volumes: readonly PodVolume[];
}> {
  return fc.record({
    nodes: fc.uniqueArray(fc.option(candidate, { nil: undefined }), { selector: (node) => node?.nodeName }),
    volumes: fc.array(podVolume, { maxLength: 4 }),
  });
}
