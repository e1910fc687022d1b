import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { writeOciImage } from "../../deploy/image/oci-archive.ts";
import { runCommand } from "../../scripts/child/run-command.ts";
import { startImageRegistry } from "./image-registry.ts";
import type { ImageRegistry } from "./image-registry.ts";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const LIST = "application/vnd.oci.image.index.v1+json";

describe("image registry", () => {
  let folder: string;
  let registry: ImageRegistry;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "image-registry-"));
    registry = await startImageRegistry({ folders: [folder], host: "127.0.0.1", port: 0 });
  });
  after(async () => {
    await registry.close();
    await rm(folder, { recursive: true });
  });

  async function write(name: string, content: string): Promise<string> {
    const layers = [
      [
        {
          kind: "File",
          path: "content",
          mode: 0o644,
          content: { kind: "Bytes", bytes: Buffer.from(content) },
        } as const,
      ],
    ];
    const { digest } = await writeOciImage(
      { names: [name], architecture: "amd64", layers, config: {} },
      join(folder, `${/[^/]*$/u.exec(name)?.[0]}.tar`),
    );
    return digest;
  }
  const fetchManifest = (
    repository: string,
    reference: string,
    namespace: string,
    method = "GET",
  ): Promise<Response> =>
    fetch(`${registry.url}/v2/${repository}/manifests/${reference}?ns=${namespace}`, { method });

  // The manifest by tag and by digest, then each piece by its digest.
  it("gives a node the whole image", async () => {
    const digest = await write("docker.io/library/whole:1.0", "x".repeat(3_000_000));
    const head = await fetchManifest("library/whole", "1.0", "docker.io", "HEAD");
    assert.deepEqual(
      [head.status, head.headers.get("content-type"), head.headers.get("docker-content-digest")],
      [200, MANIFEST, digest],
    );
    const byTag = await (await fetchManifest("library/whole", "1.0", "docker.io")).text();
    const byDigest = await (await fetchManifest("library/whole", digest, "docker.io")).text();
    assert.equal(byTag, byDigest);
    assert.equal(Number(head.headers.get("content-length")), byTag.length);
    const { config, layers } = JSON.parse(byTag) as {
      config: { digest: string };
      layers: { digest: string; size: number }[];
    };
    for (const piece of [config, ...layers]) {
      const response = await fetch(`${registry.url}/v2/library/whole/blobs/${piece.digest}?ns=docker.io`);
      assert.equal(
        `sha256:${createHash("sha256")
          .update(Buffer.from(await response.arrayBuffer()))
          .digest("hex")}`,
        piece.digest,
      );
    }
    assert.ok((layers[0]?.size ?? 0) > 3_000_000);
  });

  // One with folders, a list of manifests and Podman's annotations.
  it("reads an archive that another program packed", async () => {
    const layout = await mkdtemp(join(tmpdir(), "layout-"));
    await mkdir(join(layout, "blobs/sha256"), { recursive: true });
    const put = async (content: object): Promise<string> => {
      const text = JSON.stringify(content);
      const hex = createHash("sha256").update(text).digest("hex");
      await writeFile(join(layout, "blobs/sha256", hex), text);
      return `sha256:${hex}`;
    };
    const manifest = await put({ schemaVersion: 2, mediaType: MANIFEST });
    const list = await put({
      schemaVersion: 2,
      mediaType: LIST,
      manifests: [{ mediaType: MANIFEST, digest: manifest }],
    });
    const annotations = { "org.opencontainers.image.ref.name": "quay.test/team/foreign:1.0" };
    await writeFile(
      join(layout, "index.json"),
      JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType: LIST, digest: list, annotations }] }),
    );
    assert.equal(
      (
        await runCommand("tar", ["-c", "-f", join(folder, "foreign.tar"), "blobs", "index.json"], {
          cwd: layout,
        })
      ).code,
      0,
    );
    await rm(layout, { recursive: true });
    const found = await Promise.all(
      ["1.0", manifest].map(async (reference) => fetchManifest("team/foreign", reference, "quay.test")),
    );
    assert.deepEqual(
      found.map(({ headers }) => [headers.get("content-type"), headers.get("docker-content-digest")]),
      [
        [LIST, list],
        [MANIFEST, manifest],
      ],
    );
  });

  it("has images that are added or replaced while it runs", async () => {
    assert.equal((await fetchManifest("team/late", "1.0", "registry.test")).status, 404);
    const first = await write("registry.test/team/late:1.0", "first");
    assert.equal(
      (await fetchManifest("team/late", "1.0", "registry.test")).headers.get("docker-content-digest"),
      first,
    );
    const second = await write("registry.test/team/late:1.0", "second");
    assert.equal(
      (await fetchManifest("team/late", "1.0", "registry.test")).headers.get("docker-content-digest"),
      second,
    );
  });

  it("distinguishes registries and reports which image is missing", async () => {
    await write("registry.test/team/own:1.0", "own");
    const response = await fetchManifest("team/own", "1.0", "docker.io");
    assert.deepEqual(
      [response.status, await response.json()],
      [
        404,
        {
          errors: [
            { code: "MANIFEST_UNKNOWN", message: `there is no image docker.io/team/own:1.0 in ${folder}` },
          ],
        },
      ],
    );
  });

  it("accepts no uploads, and serves nothing but images", async () => {
    assert.equal((await fetch(`${registry.url}/v2/`)).status, 200);
    assert.equal((await fetch(`${registry.url}/v2/team/own/blobs/uploads/`, { method: "POST" })).status, 405);
    assert.equal((await fetch(`${registry.url}/v2/team/own/blobs/..%2f..%2fetc%2fpasswd`)).status, 404);
  });

  // It reports the fault of that archive if no other has the image.
  it("serves other archives while one can't be read", async () => {
    await write("registry.test/team/own:1.0", "own");
    const broken = join(folder, "a-broken.tar");
    await writeFile(broken, "no archive");
    assert.equal((await fetchManifest("team/own", "1.0", "registry.test")).status, 200);
    const response = await fetchManifest("team/own", "2.0", "registry.test");
    assert.deepEqual(
      [response.status, await response.json()],
      [500, { errors: [{ code: "UNKNOWN", message: `${broken} is no OCI archive: it has no index.json` }] }],
    );
    await rm(broken);
  });
});
