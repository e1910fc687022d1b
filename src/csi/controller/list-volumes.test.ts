import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { noClusterVolumes } from "../../adapters/embedded/no-cluster-volumes.ts";
import { aCluster, aClusterVolume } from "../../controller/testing/a-cluster.ts";
import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { defaultDriverName } from "../../core/api/driver-name.ts";
import { anOrchestratorNode } from "../../core/testing/objects.ts";
import { ListVolumesResponse } from "../gen/csi/v1/csi.ts";
import { aDiskUri, aVolumeObject, anAttachmentObject } from "../testing/objects.ts";
import { listVolumes } from "./list-volumes.ts";

type Context = Parameters<typeof listVolumes>[0];

/** A cache: `volumes` may change between pages. */
function contextWith(volumes: readonly AzVolume[], attachments: readonly AzVolumeAttachment[] = []): Context {
  const cache = {
    list: () => volumes,
    byIndex: (_kind: string, _index: string, key: string) =>
      attachments.filter(({ spec }) => spec.volumeName === key),
  };
  return {
    cache: cache as unknown as Context["cache"],
    attach: "kubernetes",
    driverName: defaultDriverName,
    clusterVolumes: noClusterVolumes,
    users: { cachedOn: () => ({ kind: "unknown" }), cachedNode: () => anOrchestratorNode() },
  };
}

async function pageOf(
  context: Context,
  request: { readonly maxEntries?: number; readonly startingToken?: string },
): Promise<{ readonly names: readonly string[]; readonly nextToken: string }> {
  const listed = await listVolumes(context, { maxEntries: 0, startingToken: "", ...request });
  assert.ok(listed.ok);
  return {
    names: listed.value.entries.map((entry) => entry.volume?.volumeId.split("/").at(-1) ?? ""),
    nextToken: listed.value.nextToken,
  };
}

const madeAt = (second: number): string => `2026-01-01T00:00:0${second}.000Z`;

describe("listVolumes", () => {
  it("lists volumes whose disk exists, oldest first", async () => {
    const volumes = [
      aVolumeObject({ name: "pvc-a", creationTimestamp: madeAt(2) }),
      aVolumeObject({ name: "pvc-b", creationTimestamp: madeAt(1) }),
      aVolumeObject({ name: "pvc-c", creationTimestamp: madeAt(0), detail: undefined }),
    ];
    assert.deepEqual(await pageOf(contextWith(volumes), {}), { names: ["pvc-b", "pvc-a"], nextToken: "" });
  });

  it("lists the nodes a volume is published on: its primaries, not its replicas", async () => {
    const attachments = [
      anAttachmentObject({ nodeName: "node-a", role: "Replica" }),
      anAttachmentObject({ nodeName: "node-b", role: "Primary" }),
    ];
    const listed = await listVolumes(contextWith([aVolumeObject()], attachments), {
      maxEntries: 0,
      startingToken: "",
    });
    assert.deepEqual(listed.ok && listed.value.entries[0]?.status, { publishedNodeIds: ["node-b"] });
  });

  it("lists a volume under its id as the PersistentVolume spells it", async () => {
    const volumeId = aDiskUri().replace("resourceGroups/rg", "resourceGroups/RG");
    assert.notEqual(volumeId, aDiskUri());
    const clusterVolumes = aCluster([aClusterVolume({ volumeId })]);
    const context = { ...contextWith([aVolumeObject()]), clusterVolumes };
    const listed = await listVolumes(context, { maxEntries: 0, startingToken: "" });
    assert.equal(listed.ok && listed.value.entries[0]?.volume?.volumeId, volumeId);
  });

  it("continues where a page ended, even if the token's volume is gone", async () => {
    const [a, b, c, d] = [0, 1, 2, 3].map((second) =>
      aVolumeObject({ name: `pvc-${second}`, creationTimestamp: madeAt(second) }),
    );
    assert.ok(a !== undefined && b !== undefined && c !== undefined && d !== undefined);
    const first = await pageOf(contextWith([a, b, c]), { maxEntries: 2 });
    assert.deepEqual(first.names, ["pvc-0", "pvc-1"]);
    const second = await pageOf(contextWith([a, c, d]), { startingToken: first.nextToken });
    assert.deepEqual(second, { names: ["pvc-2", "pvc-3"], nextToken: "" });
  });

  it("ends without a token after a full last page", async () => {
    assert.deepEqual(await pageOf(contextWith([aVolumeObject()]), { maxEntries: 1 }), {
      names: ["pvc-1"],
      nextToken: "",
    });
  });

  it("bounds a page", async () => {
    const volumes = Array.from({ length: 1001 }, (_, index) =>
      aVolumeObject({ name: `pvc-${String(index).padStart(4, "0")}` }),
    );
    const first = await pageOf(contextWith(volumes), {});
    assert.equal(first.names.length, 1000);
    assert.deepEqual((await pageOf(contextWith(volumes), { startingToken: first.nextToken })).names, [
      "pvc-1000",
    ]);
  });

  for (const startingToken of [
    "invalid-token",
    "17",
    "after:",
    `after:${Buffer.from("x y z").toString("base64url")}`,
  ]) {
    it(`refuses the token ${startingToken}`, async () => {
      assert.deepEqual(await listVolumes(contextWith([]), { maxEntries: 0, startingToken }), {
        ok: false,
        failure: { kind: "InvalidToken", token: startingToken },
      });
    });
  }

  it("ends a page before its message is more than a gRPC client takes", async () => {
    const names = Array.from({ length: 1000 }, (_, index) => `pvc-${String(index).padStart(4, "0")}`);
    const volumes = names.map((name) =>
      aVolumeObject({ name, spec: { volumeContext: { tags: "t".repeat(3500) } } }),
    );
    const seen: string[] = [];
    let startingToken = "";
    do {
      const listed = await listVolumes(contextWith(volumes), { maxEntries: 0, startingToken });
      assert.ok(listed.ok);
      const bytes = ListVolumesResponse.encode(listed.value).finish().length;
      assert.ok(bytes <= 3.25 * 1024 * 1024, `${bytes} bytes`);
      seen.push(...listed.value.entries.map(({ volume }) => volume?.volumeId.split("/").at(-1) ?? ""));
      startingToken = listed.value.nextToken;
    } while (startingToken !== "");
    assert.deepEqual(seen, names);
  });

  it("refuses a negative number of entries", async () => {
    const listed = await listVolumes(contextWith([]), { maxEntries: -1, startingToken: "" });
    assert.equal(!listed.ok && listed.failure.kind, "InvalidArgument");
  });
});
