import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { runCommand } from "../../scripts/child/run-command.ts";
import { writeOciImage } from "./oci-archive.ts";
import type { OciImage } from "./oci-archive.ts";

const IMAGE: OciImage = {
  names: ["registry.test/team/hello:1.0", "docker.io/library/hello:latest"],
  architecture: "amd64",
  layers: [
    [{ kind: "File", path: "hello", mode: 0o755, content: { kind: "Bytes", bytes: Buffer.from("hello") } }],
  ],
  config: { Entrypoint: ["/hello"], Env: ["PATH=/bin"] },
};

describe("OCI archive", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "oci-archive-"));
  });
  after(async () => rm(folder, { recursive: true }));

  async function readJson(path: string): Promise<unknown> {
    return JSON.parse(await readFile(path, "utf8"));
  }

  it("leads from every name through manifest and configuration to the layers", async () => {
    const { digest, sizeBytes } = await writeOciImage(IMAGE, join(folder, "image.tar"));
    const unpacked = await mkdtemp(join(folder, "unpacked-"));
    const { code, output } = await runCommand(
      "tar",
      ["--extract", "--file", join(folder, "image.tar"), "--directory", unpacked],
      { cwd: folder },
    );
    assert.deepEqual({ code, output }, { code: 0, output: "" });
    const blobs = await readdir(join(unpacked, "blobs/sha256"));
    for (const name of blobs) {
      const bytes = await readFile(join(unpacked, "blobs/sha256", name));
      assert.equal(createHash("sha256").update(bytes).digest("hex"), name);
    }
    const blobOf = (reference: string): string =>
      join(unpacked, "blobs/sha256", reference.replace("sha256:", ""));
    const manifestSize = (await readFile(blobOf(digest))).length;
    const manifest = {
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      digest,
      size: manifestSize,
      platform: { architecture: "amd64", os: "linux" },
    };
    assert.deepEqual(await readJson(join(unpacked, "oci-layout")), { imageLayoutVersion: "1.0.0" });
    assert.deepEqual(await readJson(join(unpacked, "index.json")), {
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.index.v1+json",
      manifests: [
        {
          ...manifest,
          annotations: {
            "io.containerd.image.name": "registry.test/team/hello:1.0",
            "org.opencontainers.image.ref.name": "1.0",
          },
        },
        {
          ...manifest,
          annotations: {
            "io.containerd.image.name": "docker.io/library/hello:latest",
            "org.opencontainers.image.ref.name": "latest",
          },
        },
      ],
    });
    const { layers, config } = (await readJson(blobOf(digest))) as {
      layers: { digest: string }[];
      config: { digest: string };
    };
    assert.equal(layers.length, 1);
    assert.deepEqual(await readJson(blobOf(config.digest)), {
      created: "1980-01-01T00:00:00.000Z",
      architecture: "amd64",
      os: "linux",
      config: { Entrypoint: ["/hello"], Env: ["PATH=/bin"] },
      rootfs: { type: "layers", diff_ids: layers.map((layer) => layer.digest) },
    });
    assert.equal(blobs.length, 3);
    assert.equal(sizeBytes, (await readFile(join(folder, "image.tar"))).length);
  });

  it("has the same bytes, and so the same digest, whenever it is written", async () => {
    const first = await writeOciImage(IMAGE, join(folder, "first.tar"));
    const second = await writeOciImage(IMAGE, join(folder, "second.tar"));
    assert.deepEqual(first, second);
    assert.ok((await readFile(join(folder, "first.tar"))).equals(await readFile(join(folder, "second.tar"))));
  });

  it("leaves nothing behind if a file changes while it is packed", async () => {
    const changing = join(folder, "changing");
    await writeFile(changing, "four");
    const image: OciImage = {
      ...IMAGE,
      layers: [
        [
          {
            kind: "File",
            path: "changing",
            mode: 0o644,
            content: { kind: "Disk", path: changing, sizeBytes: 3 },
          },
        ],
      ],
    };
    const target = await mkdtemp(join(folder, "target-"));
    await assert.rejects(writeOciImage(image, join(target, "image.tar")), {
      message: `${changing} changed while it was packed: 4 bytes, not 3`,
    });
    assert.deepEqual(await readdir(target), []);
  });

  it("refuses a name without registry or tag, which a node could not find", async () => {
    for (const name of ["nginx", "nginx:1.0", "docker.io/library/nginx"]) {
      await assert.rejects(writeOciImage({ ...IMAGE, names: [name] }, join(folder, "refused.tar")), {
        message: `${name} is no full name of an image: write registry/repository:tag`,
      });
    }
  });
});
