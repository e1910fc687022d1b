import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import type { VolumeUse } from "../../core/schedule/volume-use.ts";
import {
  anAttachment,
  aReplica,
  aVolume,
  aVolumeWithRecord,
  aWriter,
  anOrchestratorNode,
  leaving,
} from "../../core/testing/objects.ts";
import type { ClusterAttachment } from "../../ports/cluster/cluster-volumes.ts";
import { type PublicationPorts, publishedNodes } from "./published-nodes.ts";

const replica = aReplica("node-c");
/** What a node's token may make of its replica's attachment. */
const flipped: AzVolumeAttachment = {
  ...replica,
  spec: { ...replica.spec, role: "Primary", writerRequest: { since: "1970-01-01T00:00:00.000Z" } },
};
const { writerRequest: _, ...unrequested } = flipped.spec;
const multiWriter = aVolume({ status: { record: undefined } });
const written = aVolumeWithRecord({ writer: aWriter("node-a") });

interface Row {
  readonly because: string;
  readonly attach: "kubernetes" | "driver";
  readonly attachment: AzVolumeAttachment;
  readonly volume?: AzVolume;
  readonly use?: VolumeUse;
  /** Whether a VolumeAttachment to the node exists. */
  readonly isAttached?: boolean;
  readonly isPublished: boolean;
}

const rows: readonly Row[] = [
  {
    because: "its token made it a Primary with a request",
    attach: "kubernetes",
    attachment: flipped,
    isPublished: false,
  },
  {
    because: "its token made it a Primary without a request",
    attach: "kubernetes",
    attachment: { ...flipped, spec: unrequested },
    isPublished: false,
  },
  {
    because: "its token made it a Primary, and no pod is there",
    attach: "driver",
    attachment: flipped,
    isPublished: false,
  },
  {
    because: "its token made it a Primary without a request, and no pod is there",
    attach: "driver",
    attachment: { ...flipped, spec: unrequested },
    isPublished: false,
  },
  {
    because: "a pod is there",
    attach: "driver",
    attachment: flipped,
    use: { kind: "used", users: ["pod default/db-0"] },
    isPublished: true,
  },
  {
    because: "a VolumeAttachment is seen",
    attach: "kubernetes",
    attachment: flipped,
    isAttached: true,
    isPublished: true,
  },
  {
    because: "a CSI client published it",
    attach: "kubernetes",
    attachment: { ...flipped, spec: { ...flipped.spec, published: true } },
    isPublished: true,
  },
  {
    because: "the record names it",
    attach: "kubernetes",
    attachment: flipped,
    volume: aVolumeWithRecord({ writer: aWriter("node-c") }),
    isPublished: true,
  },
  {
    because: "its disk is being detached",
    attach: "kubernetes",
    attachment: leaving(flipped),
    isPublished: true,
  },
  {
    because: "several nodes may write",
    attach: "driver",
    attachment: flipped,
    volume: multiWriter,
    isPublished: true,
  },
  {
    because: "several nodes may write, by VolumeAttachments",
    attach: "kubernetes",
    attachment: flipped,
    volume: multiWriter,
    isPublished: true,
  },
  {
    because: "it is a replica",
    attach: "kubernetes",
    attachment: replica,
    isAttached: true,
    isPublished: false,
  },
];

describe("the nodes that a volume is published on", () => {
  for (const {
    because,
    attach,
    attachment,
    volume = written,
    use = { kind: "unused" } as const,
    isAttached = false,
    isPublished,
  } of rows)
    it(`${isPublished ? "name" : "leave out"} one where ${because} (${attach})`, () => {
      const ports: PublicationPorts = {
        attach,
        users: { cachedOn: () => use, cachedNode: () => anOrchestratorNode() },
        clusterVolumes: {
          knowsAttachments: true,
          attachmentOn: () => (isAttached ? ({} as ClusterAttachment) : undefined),
        },
        cache: {
          byIndex: (() => [
            anAttachment("node-b", { spec: { role: "Replica" } }),
            attachment,
          ]) as unknown as PublicationPorts["cache"]["byIndex"],
        },
      };
      assert.deepEqual(publishedNodes(ports, volume), isPublished ? ["node-c"] : []);
    });
});
