import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { TarEntry } from "../../deploy/image/tar-entry.ts";
import { labImages } from "./lab-images.ts";

const IMAGES = labImages({
  architecture: "amd64",
  kubernetesVersion: "v1.32.9",
  kubectlVersion: "v1.37.2",
  sidecars: [{ name: "csi-attacher", version: "v4.13.0" }],
  program: (name, path) => ({
    kind: "File",
    path,
    mode: 0o755,
    content: { kind: "Disk", path: `/built/${name}`, sizeBytes: 1 },
  }),
  busyboxCommands: ["busybox", "httpd", "sh"],
});

describe("images of the lab", () => {
  it("have the names that containerd, the chart and users' manifests use", () => {
    assert.deepEqual(Object.fromEntries(IMAGES.map(({ file, names }) => [file, names])), {
      "pause.tar": ["registry.k8s.io/pause:3.10.1"],
      "csi-attacher.tar": [
        "registry.k8s.io/sig-storage/csi-attacher:v4.13.0",
        "mcr.microsoft.com/oss/v2/kubernetes-csi/csi-attacher:v4.13.0",
      ],
      "kube-scheduler.tar": ["registry.k8s.io/kube-scheduler:v1.32.9"],
      "busybox.tar": ["docker.io/library/busybox:1.36", "docker.io/library/busybox:latest"],
      "nginx.tar": [
        "docker.io/library/nginx:latest",
        "mcr.microsoft.com/oss/nginx/nginx:1.17.3-alpine",
        "mcr.microsoft.com/oss/nginx/nginx:1.19.5",
        "mcr.microsoft.com/mirror/docker/library/nginx:1.23",
      ],
      "kubectl.tar": ["docker.io/alpine/k8s:1.37.2"],
    });
  });

  // Each folder precedes its content, and no path occurs twice.
  it("can be unpacked from top to bottom", () => {
    for (const { file, layers } of IMAGES) {
      const seen = new Map<string, TarEntry>();
      for (const entry of layers.flat()) {
        assert.ok(!seen.has(entry.path), `${file}: ${entry.path} comes twice`);
        const late = layers
          .flat()
          .filter((other) => entry.path.startsWith(`${other.path}/`) && !seen.has(other.path));
        assert.deepEqual(late, [], `${file}: ${entry.path} comes before its folder`);
        seen.set(entry.path, entry);
      }
    }
  });

  it("start what their pods expect: the sidecar, a shell, a web server", () => {
    const started = IMAGES.map(({ file, config }) => [
      file,
      [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])].join(" "),
    ]);
    assert.deepEqual(Object.fromEntries(started), {
      "pause.tar": "/pause",
      "csi-attacher.tar": "/csi-attacher",
      "kube-scheduler.tar": "",
      "busybox.tar": "sh",
      "nginx.tar": "nginx -g daemon off;",
      "kubectl.tar": "bash",
    });
  });
});
