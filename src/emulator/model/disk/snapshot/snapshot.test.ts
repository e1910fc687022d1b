import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { at, type Json, textAt } from "../../api/json.ts";
import {
  aModel,
  codeOf,
  COMPUTE,
  diskBody,
  listBody,
  type ModelFixture,
} from "../../testing/model-fixture.ts";

function snapshotBody(
  source: string,
  more: {
    readonly location?: string;
    readonly creationData?: Record<string, Json>;
    readonly incremental?: boolean;
  } = {},
): Json {
  return {
    location: more.location ?? "eastus",
    properties: {
      creationData: { createOption: "Copy", sourceResourceId: `${COMPUTE}/${source}`, ...more.creationData },
      incremental: more.incremental ?? true,
    },
  };
}

function restoreBody(snapshot: string, properties: Record<string, Json> = {}, sku = "Premium_LRS"): Json {
  return {
    location: "eastus",
    zones: ["1"],
    sku: { name: sku },
    properties: {
      creationData: { createOption: "Copy", sourceResourceId: `${COMPUTE}/snapshots/${snapshot}` },
      ...properties,
    },
  };
}

function withDisk(sku = "Premium_LRS"): ModelFixture {
  const azure = aModel();
  azure.finish("PUT", "disks/pvc-1", diskBody({ sku }));
  return azure;
}

const percent = (azure: ModelFixture): Json | undefined =>
  at(azure.send("GET", "snapshots/s").body, "properties", "completionPercent");
const access = (azure: ModelFixture): string | undefined =>
  textAt(azure.send("GET", "snapshots/s").body, "properties", "snapshotAccessState");

describe("a snapshot", () => {
  it("of no source is empty, as Azure PowerShell was recorded to make one (2020)", () => {
    const azure = aModel({ hasDataPlane: true });
    const body = {
      sku: { name: "Standard_LRS" },
      properties: {
        osType: "Windows",
        creationData: { createOption: "Empty" },
        diskSizeGB: 5,
        incremental: false,
      },
      location: "EastUS",
      tags: {},
    };
    assert.equal(azure.send("PUT", "snapshots/s", body).status, 202);
    azure.advance(60_000);
    const id = `${COMPUTE}/snapshots/s`;
    const due = azure.model.takeDueEffects();
    assert.deepEqual(
      due.flatMap(({ effects }) => effects).filter((effect) => "diskId" in effect && effect.diskId === id),
      [{ kind: "diskCreated", diskId: id, sizeBytes: 5n * 2n ** 30n }],
    );
    for (const { operationId } of due) azure.model.settleOperation(operationId);
    const shown = azure.send("GET", "snapshots/s").body;
    assert.deepEqual(at(shown, "properties", "creationData"), { createOption: "Empty" });
    assert.deepEqual(at(shown, "properties", "diskSizeBytes"), 5 * 2 ** 30);
    assert.equal(textAt(shown, "properties", "provisioningState"), "Succeeded");
    assert.equal(textAt(shown, "properties", "osType"), "Windows");
    // A disk is made of it as of any other.
    assert.equal(azure.send("PUT", "disks/restored", restoreBody("s")).status, 202);
    const { diskSizeGB: _, ...unsized } = body.properties;
    const refused = azure.send("PUT", "snapshots/t", { ...body, properties: unsized });
    assert.deepEqual([refused.status, codeOf(refused.body)], [400, "InvalidParameter"]);
  });

  it("is of the disk that its sourceUri names, as Terraform and PowerShell send it", () => {
    const azure = withDisk();
    const sourceUri = `${COMPUTE}/disks/pvc-1`;
    const body = { location: "eastus", properties: { creationData: { createOption: "Copy", sourceUri } } };
    // The first answer repeats the request.
    const first = azure.send("PUT", "snapshots/s", body).body;
    assert.deepEqual(at(first, "properties", "creationData"), body.properties.creationData);
    assert.equal(textAt(azure.finish("PUT", "snapshots/s", body), "status"), "Succeeded");
    const { sourceUniqueId: _, ...shown } = at(
      azure.send("GET", "snapshots/s").body,
      "properties",
      "creationData",
    ) as Record<string, Json>;
    assert.deepEqual(shown, { createOption: "Copy", sourceResourceId: sourceUri });
    assert.equal(textAt(azure.finish("PUT", "snapshots/s", body), "status"), "Succeeded");
    // Nothing is made from a resource here: the member stays as it was sent.
    const empty = { createOption: "Empty", sourceUri };
    const disk = azure.send("PUT", "disks/empty", {
      location: "eastus",
      properties: { creationData: empty, diskSizeGB: 8 },
    });
    assert.deepEqual(at(disk.body, "properties", "creationData"), empty);
    const blob = { createOption: "Copy", sourceUri: "https://account.blob.core.windows.net/vhds/a.vhd" };
    const refused = azure.send("PUT", "snapshots/t", {
      location: "eastus",
      properties: { creationData: blob },
    });
    assert.equal(codeOf(refused.body), "InvalidParameter");
  });

  it("of a Premium disk can be restored at once, to the same size or more", () => {
    const azure = withDisk();
    assert.equal(azure.send("PUT", "snapshots/s", snapshotBody("disks/pvc-1")).status, 202);
    assert.equal(codeOf(azure.send("PUT", "disks/early", restoreBody("s")).body), "OperationNotAllowed");
    azure.settle();
    assert.deepEqual([percent(azure), access(azure)], [undefined, "Available"]);
    assert.equal(
      codeOf(azure.send("PUT", "disks/less", restoreBody("s", { diskSizeGB: 64 })).body),
      "InvalidParameter",
    );
    azure.finish("PUT", "disks/same", restoreBody("s"));
    azure.finish("PUT", "disks/more", restoreBody("s", { diskSizeGB: 512 }));
    azure.finish(
      "PUT",
      "disks/again",
      restoreBody("s", {
        creationData: { createOption: "Restore", sourceResourceId: `${COMPUTE}/snapshots/s` },
      }),
    );
    assert.deepEqual(
      ["same", "more", "again"].map((name) =>
        at(azure.send("GET", `disks/${name}`).body, "properties", "diskSizeGB"),
      ),
      [128, 512, 128],
    );
    assert.equal(azure.send("DELETE", "snapshots/s").status, 202);
    assert.equal(codeOf(azure.send("PUT", "disks/late", restoreBody("s")).body), "Conflict");
    azure.settle();
    assert.equal(azure.send("DELETE", "snapshots/s").status, 204);
  });

  it("is refused of a disk that is being made or deleted", () => {
    const azure = aModel();
    const asked = (): string | undefined =>
      codeOf(azure.send("PUT", "snapshots/s", snapshotBody("disks/pvc-1")).body);
    azure.send("PUT", "disks/pvc-1", diskBody());
    const whileMade = asked();
    azure.settle();
    azure.send("DELETE", "disks/pvc-1");
    assert.deepEqual([whileMade, asked()], ["Conflict", "Conflict"]);
    azure.settle();
    assert.equal(asked(), "NotFound");
  });

  it("of a Premium v2 disk is copied in the background and restored afterwards", () => {
    const azure = withDisk("PremiumV2_LRS");
    azure.finish("PUT", "snapshots/s", snapshotBody("disks/pvc-1"));
    assert.deepEqual([percent(azure), access(azure)], [0, "Pending"]);
    assert.equal(codeOf(azure.send("PUT", "disks/early", restoreBody("s")).body), "OperationNotAllowed");
    azure.advance(4_000_000);
    assert.deepEqual([percent(azure), access(azure)], [100, "Available"]);
    assert.equal(azure.send("PUT", "disks/late", restoreBody("s", {}, "PremiumV2_LRS")).status, 202);
  });

  it("of a Premium v2 disk is pending from its request until its copy is complete", () => {
    const azure = withDisk("PremiumV2_LRS");
    const download = (): unknown => {
      const asked = { access: "Read", durationInSeconds: 60 };
      const { status, body } = azure.send("POST", "snapshots/s/beginGetAccess", asked);
      return codeOf(body) ?? status;
    };
    azure.send("PUT", "snapshots/s", snapshotBody("disks/pvc-1"));
    assert.deepEqual(
      [percent(azure), access(azure), download()],
      [undefined, "Pending", "OperationNotAllowed"],
    );
    azure.settle();
    assert.deepEqual([percent(azure), access(azure), download()], [0, "Pending", "OperationNotAllowed"]);
    azure.advance(4_000_000);
    assert.deepEqual([access(azure), download()], ["Available", 202]);
  });

  it("of a Premium v2 disk fails where the disk grows during its copy, not after", () => {
    const azure = withDisk("PremiumV2_LRS");
    const state = (name: string): string | undefined =>
      textAt(azure.send("GET", `snapshots/${name}`).body, "properties", "provisioningState");
    azure.finish("PUT", "snapshots/complete", snapshotBody("disks/pvc-1"));
    azure.advance(3_600_000);
    azure.finish("PUT", "snapshots/s", snapshotBody("disks/pvc-1"));
    azure.finish("PATCH", "disks/pvc-1", { properties: { diskSizeGB: 256 } });
    azure.advance(3_600_000);
    assert.deepEqual([state("complete"), state("s"), access(azure)], ["Succeeded", "Failed", "Pending"]);
    assert.equal(
      codeOf(azure.send("PUT", "disks/copy", restoreBody("s", {}, "PremiumV2_LRS")).body),
      "OperationNotAllowed",
    );
  });

  it("of a disk with 4 KiB sectors is restored only to disks that support them", () => {
    const azure = aModel();
    for (const [name, creationData] of [
      ["plain", { createOption: "Empty" }],
      ["emulated", { createOption: "Empty", logicalSectorSize: 512 }],
    ] as const) {
      azure.finish("PUT", `disks/${name}`, diskBody({ sku: "PremiumV2_LRS", properties: { creationData } }));
      azure.finish("PUT", `snapshots/of-${name}`, snapshotBody(`disks/${name}`));
    }
    azure.advance(4_000_000);
    azure.finish("PUT", "snapshots/copy", snapshotBody("snapshots/of-plain"));
    const restored = (snapshot: string, sku: string): unknown => {
      const { status, body } = azure.send("PUT", `disks/${snapshot}-${sku}`, restoreBody(snapshot, {}, sku));
      return codeOf(body) ?? status;
    };
    assert.deepEqual(
      ["of-plain", "copy", "of-emulated"].map((snapshot) => [
        restored(snapshot, "Premium_LRS"),
        restored(snapshot, "UltraSSD_LRS"),
      ]),
      [
        ["InvalidParameter", 202],
        ["InvalidParameter", 202],
        [202, "InvalidParameter"],
      ],
    );
  });

  it("of a disk with sectors of 512 bytes is restored to a disk that states them", () => {
    const azure = withDisk();
    azure.finish("PUT", "snapshots/s", snapshotBody("disks/pvc-1"));
    const restored = (logicalSectorSize: number | undefined): unknown => {
      const creationData = {
        createOption: "Copy",
        sourceResourceId: `${COMPUTE}/snapshots/s`,
        ...(logicalSectorSize === undefined ? {} : { logicalSectorSize }),
      };
      const asked = restoreBody("s", { creationData }, "PremiumV2_LRS");
      const { status, body } = azure.send("PUT", `disks/of-${logicalSectorSize}`, asked);
      return codeOf(body) ?? status;
    };
    assert.deepEqual([undefined, 4096, 512].map(restored), ["InvalidParameter", "InvalidParameter", 202]);
  });

  it("with instant access is restored during the copy, to as fast and large a disk", () => {
    const azure = withDisk("PremiumV2_LRS");
    azure.finish(
      "PUT",
      "snapshots/s",
      snapshotBody("disks/pvc-1", { creationData: { instantAccessDurationMinutes: 300 } }),
    );
    assert.equal(access(azure), "InstantAccess");
    assert.equal(codeOf(azure.send("PUT", "disks/slow", restoreBody("s")).body), "InvalidParameter");
    assert.equal(azure.send("PUT", "disks/fast", restoreBody("s", {}, "PremiumV2_LRS")).status, 202);
    const download = { access: "Read", durationInSeconds: 60 };
    const early = azure.send("POST", "snapshots/s/beginGetAccess", download);
    assert.deepEqual([early.status, codeOf(early.body)], [409, "OperationNotAllowed"]);
    azure.advance(4_000_000);
    assert.equal(access(azure), "AvailableWithInstantAccess");
    assert.equal(azure.send("POST", "snapshots/s/beginGetAccess", download).status, 202);
  });

  it("is copied to another region from a complete incremental one", () => {
    const azure = withDisk();
    azure.finish("PUT", "snapshots/source", snapshotBody("disks/pvc-1"));
    const there = { location: "westus", creationData: { createOption: "CopyStart" } };
    assert.equal(
      codeOf(
        azure.send("PUT", "snapshots/s", snapshotBody("snapshots/source", { ...there, incremental: false }))
          .body,
      ),
      "InvalidParameter",
    );
    azure.finish("PUT", "snapshots/s", snapshotBody("snapshots/source", there));
    assert.equal(percent(azure), 0);
    azure.advance(4_000_000);
    assert.equal(percent(azure), 100);
    assert.equal(codeOf(azure.send("PUT", "disks/here", restoreBody("s")).body), "NotFound");
  });

  it("never completes in another region once its source is deleted there", () => {
    const azure = withDisk();
    azure.finish("PUT", "snapshots/source", snapshotBody("disks/pvc-1"));
    const there = { location: "westus", creationData: { createOption: "CopyStart" } };
    azure.finish("PUT", "snapshots/complete", snapshotBody("snapshots/source", there));
    azure.advance(4_000_000);
    azure.finish("PUT", "snapshots/s", snapshotBody("snapshots/source", there));
    azure.finish("DELETE", "snapshots/source");
    azure.advance(4_000_000);
    const errorOf = (name: string): string | undefined =>
      textAt(azure.send("GET", `snapshots/${name}`).body, "properties", "copyCompletionError", "errorCode");
    assert.deepEqual([errorOf("s"), errorOf("complete")], ["CopySourceNotFound", undefined]);
    assert.equal(percent(azure), 0);
  });

  it("is made at most seven times in five minutes of one disk", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/pvc-1", diskBody());
    const codes = Array.from(
      { length: 8 },
      (_, index) => azure.send("PUT", `snapshots/s${index}`, snapshotBody("disks/pvc-1")).status,
    );
    assert.deepEqual(codes, [202, 202, 202, 202, 202, 202, 202, 409]);
  });

  it("can be read by a URL, and can't be deleted until that is revoked", () => {
    const azure = withDisk();
    azure.finish("PUT", "snapshots/s", snapshotBody("disks/pvc-1"));
    azure.finish("POST", "snapshots/s/beginGetAccess", { access: "Read", durationInSeconds: 3600 });
    const state = textAt(azure.send("GET", "snapshots/s").body, "properties", "diskState");
    assert.deepEqual([state, azure.send("DELETE", "snapshots/s").status], ["ActiveSAS", 409]);
    azure.finish("POST", "snapshots/s/endGetAccess");
    assert.equal(azure.send("DELETE", "snapshots/s").status, 202);
  });

  it("states by itself who may read its bytes, and takes over what they are", () => {
    const azure = aModel();
    const properties = { dataAccessAuthMode: "AzureActiveDirectory", osType: "Linux" };
    azure.finish("PUT", "disks/pvc-1", diskBody({ properties }));
    azure.finish("PUT", "snapshots/s", snapshotBody("disks/pvc-1"));
    azure.finish("PUT", "snapshots/of-s", snapshotBody("snapshots/s"));
    for (const name of ["s", "of-s"]) {
      const { body } = azure.send("GET", `snapshots/${name}`);
      assert.deepEqual(
        [at(body, "properties", "osType"), at(body, "properties", "dataAccessAuthMode")],
        ["Linux", undefined],
        name,
      );
    }
  });

  it("is of one of three SKUs, and grows but does not shrink", () => {
    const azure = withDisk();
    const body = (sku: string, diskSizeGB: number): Json => {
      const base = snapshotBody("disks/pvc-1", { incremental: false }) as {
        properties: Record<string, Json>;
      };
      return { ...base, sku: { name: sku }, properties: { ...base.properties, diskSizeGB } };
    };
    for (const [sku, sizeGiB, expected] of [
      ["UltraSSD_LRS", 128, [400, "InvalidParameter"]],
      ["Premium_LRS", 64, [409, "OperationNotAllowed"]],
      ["Premium_LRS", 128.5, [400, "InvalidParameter"]],
      ["premium_lrs", 256, [202, undefined]],
    ] as const) {
      const { status, body: answer } = azure.send("PUT", "snapshots/s", body(sku, sizeGiB));
      assert.deepEqual([status, codeOf(answer)], expected, `${sku} ${sizeGiB}`);
    }
    azure.settle();
    const shown = azure.send("GET", "snapshots/s").body;
    assert.deepEqual(at(shown, "sku"), { name: "Premium_LRS", tier: "Premium" });
    assert.equal(at(shown, "properties", "diskSizeGB"), 256);
    azure.finish("PATCH", "snapshots/s", { properties: { diskSizeGB: 512 }, sku: { name: "Standard_LRS" } });
    const grown = azure.send("GET", "snapshots/s").body;
    assert.deepEqual(at(grown, "sku"), { name: "Standard_LRS", tier: "Standard" });
    assert.equal(at(grown, "properties", "diskSizeBytes"), 512 * 1024 ** 3);
    const shrunk = azure.send("PATCH", "snapshots/s", { properties: { diskSizeGB: 256 } });
    assert.deepEqual([shrunk.status, codeOf(shrunk.body)], [409, "OperationNotAllowed"]);
  });

  // Recorded in January 2026 by cloud-provider-azure, in a region with zones.
  it("is zone-redundant without a SKU only where it is incremental", () => {
    const azure = withDisk();
    for (const incremental of [true, false]) {
      const name = `snapshots/${incremental ? "incremental" : "full"}`;
      azure.finish("PUT", name, snapshotBody("disks/pvc-1", { incremental }));
      assert.equal(
        at(azure.send("GET", name).body, "sku", "name"),
        incremental ? "Standard_ZRS" : "Standard_LRS",
      );
    }
  });

  it("groups a disk's incremental ones in a family; a full one is alone", () => {
    const azure = withDisk();
    for (const name of ["a", "b"]) azure.finish("PUT", `snapshots/${name}`, snapshotBody("disks/pvc-1"));
    azure.finish("PUT", "snapshots/full", snapshotBody("disks/pvc-1", { incremental: false }));
    const family = (name: string): Json | undefined =>
      at(azure.send("GET", `snapshots/${name}`).body, "properties", "incrementalSnapshotFamilyId");
    assert.equal(family("a"), family("b"));
    assert.deepEqual([typeof family("a"), family("full")], ["string", undefined]);
  });

  it("changes tags and network policy only", () => {
    const azure = withDisk();
    azure.finish("PUT", "snapshots/s", snapshotBody("disks/pvc-1"));
    azure.finish("PATCH", "snapshots/s", {
      tags: { a: "b" },
      properties: { networkAccessPolicy: "DenyAll" },
    });
    const { tags, properties } = azure.send("GET", "snapshots/s").body as { tags: Json; properties: Json };
    assert.deepEqual(
      [tags, at(properties, "networkAccessPolicy"), at(properties, "diskSizeGB")],
      [{ a: "b" }, "DenyAll", 128],
    );
  });

  it("keeps its source", () => {
    const azure = withDisk();
    azure.finish("PUT", "disks/other", diskBody());
    azure.finish("PUT", "snapshots/s", snapshotBody("disks/pvc-1"));
    assert.equal(
      codeOf(azure.send("PUT", "snapshots/s", snapshotBody("disks/other")).body),
      "PropertyChangeNotAllowed",
    );
    assert.equal(azure.send("PUT", "snapshots/s", snapshotBody("disks/pvc-1")).status, 202);
  });

  it("keeps how it was made, in any case of its letters", () => {
    const azure = withDisk();
    azure.finish(
      "PUT",
      "snapshots/s",
      snapshotBody("disks/pvc-1", { creationData: { createOption: "COPY" } }),
    );
    for (const [other, expected] of [
      [{ incremental: false }, "PropertyChangeNotAllowed"],
      [{ creationData: { createOption: "CopyStart" } }, "PropertyChangeNotAllowed"],
      [{ creationData: { createOption: "copy" } }, 202],
    ] as const) {
      const { status, body } = azure.send("PUT", "snapshots/s", snapshotBody("disks/pvc-1", other));
      assert.equal(codeOf(body) ?? status, expected, JSON.stringify(other));
    }
  });
});

describe("access to a disk's bytes", () => {
  it("is asked for by kind and time, and not granted where the policy denies it", () => {
    const azure = withDisk();
    azure.finish("PUT", "disks/closed", diskBody({ properties: { networkAccessPolicy: "DenyAll" } }));
    for (const [disk, body, expected] of [
      ["pvc-1", { durationInSeconds: 60 }, [400, "InvalidParameter"]],
      ["pvc-1", { access: "Read" }, [400, "InvalidParameter"]],
      ["pvc-1", { access: "All", durationInSeconds: 60 }, [400, "InvalidParameter"]],
      ["closed", { access: "Read", durationInSeconds: 60 }, [409, "OperationNotAllowed"]],
      ["pvc-1", { access: "read", durationInSeconds: 60 }, [202, undefined]],
    ] as const) {
      const { status, body: answer } = azure.send("POST", `disks/${disk}/beginGetAccess`, body);
      assert.deepEqual([status, codeOf(answer)], expected, `${disk} ${JSON.stringify(body)}`);
    }
  });

  for (const [timeScale, lastsMs] of [
    [1, 60_000],
    [0.01, 600],
    [0, 60_000],
  ] as const)
    it(`lasts ${lastsMs} ms of a minute with timeScale ${timeScale}`, () => {
      const azure = aModel({ settings: { timeScale } });
      azure.finish("PUT", "disks/pvc-1", diskBody());
      const fromMs = azure.nowMs();
      azure.finish("POST", "disks/pvc-1/beginGetAccess", { access: "Read", durationInSeconds: 60 });
      const stateAfter = (ms: number): string | undefined => {
        azure.advance(fromMs + ms - azure.nowMs());
        return textAt(azure.send("GET", "disks/pvc-1").body, "properties", "diskState");
      };
      assert.deepEqual([stateAfter(lastsMs - 1), stateAfter(lastsMs)], ["ActiveSAS", "Unattached"]);
    });

  it("needs a detached disk, and bars attaching and changing until it is revoked", () => {
    const azure = withDisk();
    const granted = azure.send("POST", "disks/pvc-1/beginGetAccess", {
      access: "Read",
      durationInSeconds: 3600,
    });
    azure.settle();
    const location = new URL(granted.headers["location"] ?? "");
    assert.match(
      textAt(azure.send("GET", location.pathname + location.search).body, "accessSAS") ?? "",
      /^https:\/\/md-/,
    );
    assert.equal(textAt(azure.send("GET", "disks/pvc-1").body, "properties", "diskState"), "ActiveSAS");
    assert.equal(azure.send("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" })).status, 409);
    assert.equal(azure.send("PATCH", "disks/pvc-1", { properties: { diskSizeGB: 256 } }).status, 409);
    azure.finish("POST", "disks/pvc-1/endGetAccess");
    azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
    assert.equal(
      azure.send("POST", "disks/pvc-1/beginGetAccess", { access: "Read", durationInSeconds: 3600 }).status,
      409,
    );
  });
});

describe("an availability set", () => {
  it("lists its VMs, and can't be deleted while it has some", () => {
    const azure = aModel();
    azure.send("PUT", "availabilitySets/set", { location: "eastus" });
    azure.finish("PUT", "virtualMachines/member", {
      location: "eastus",
      properties: { networkProfile: {}, availabilitySet: { id: `${COMPUTE}/availabilitySets/set` } },
    });
    assert.deepEqual(at(azure.send("GET", "availabilitySets/set").body, "properties", "virtualMachines"), [
      { id: `${COMPUTE}/virtualMachines/member` },
    ]);
    assert.equal(azure.send("DELETE", "availabilitySets/set").status, 409);
  });
});

describe("SKUs and sizes", () => {
  it("give the data disks per size and the VMs that may share a disk", () => {
    const azure = aModel();
    const capability = (
      list: Json | undefined,
      name: string,
      size: string,
      what: string,
    ): string | undefined => {
      const sku = (
        list as readonly { name: string; size: string; capabilities: { name: string; value: string }[] }[]
      ).find((each) => each.name === name && each.size === size);
      return sku?.capabilities.find((each) => each.name === what)?.value;
    };
    const skus = at(
      azure.send(
        "GET",
        "/subscriptions/sub-1/providers/Microsoft.Compute/skus?$filter=location eq 'westeurope'",
      ).body,
      "value",
    );
    assert.deepEqual(
      [
        capability(skus, "Standard_D8s_v5", "D8s_v5", "MaxDataDiskCount"),
        capability(skus, "Standard_D2s_v6", "D2s_v6", "DiskControllerTypes"),
        capability(skus, "Standard_E8bs_v5", "E8bs_v5", "DiskControllerTypes"),
        capability(skus, "Standard_D2ps_v6", "D2ps_v6", "CpuArchitectureType"),
        capability(skus, "Standard_D2ads_v6", "D2ads_v6", "CpuArchitectureType"),
        capability(skus, "Premium_LRS", "P30", "MaxValueOfMaxShares"),
        ...["MinIOpsReadWrite", "MaxIOpsReadWrite", "MaxBandwidthMBpsReadWrite"].map((what) =>
          capability(skus, "PremiumV2_LRS", "P", what),
        ),
        ...["MinIOpsReadWrite", "MaxIOpsReadWrite", "MaxBandwidthMBpsReadWrite"].map((what) =>
          capability(skus, "UltraSSD_LRS", "U", what),
        ),
      ],
      [
        "16",
        "NVMe",
        "SCSI, NVMe",
        "Arm64",
        "x64",
        "5",
        ...["3000", "80000", "2000"],
        ...["100", "400000", "10000"],
      ],
    );
    const places = (name: string): Json | undefined =>
      (skus as readonly { name: string; locationInfo: readonly Json[] }[]).find((each) => each.name === name)
        ?.locationInfo[0];
    assert.deepEqual(
      ["Standard_D8s_v5", "Standard_B2s", "Premium_ZRS"].map((name) => places(name)),
      [
        {
          location: "westeurope",
          zones: ["1", "2", "3"],
          zoneDetails: [
            { Name: ["1", "2", "3"], capabilities: [{ name: "UltraSSDAvailable", value: "True" }] },
          ],
        },
        { location: "westeurope", zones: ["1", "2", "3"], zoneDetails: [] },
        { location: "westeurope", zones: [], zoneDetails: [] },
      ],
    );
    const sizes = at(
      azure.send("GET", "/subscriptions/sub-1/providers/Microsoft.Compute/locations/eastus/vmSizes").body,
      "value",
    ) as readonly {
      name: string;
      maxDataDiskCount: number;
    }[];
    assert.equal(sizes.find((size) => size.name === "Standard_DS5_v2")?.maxDataDiskCount, 64);
  });
});
