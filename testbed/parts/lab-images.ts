import type { OciImage } from "../../deploy/image/oci-archive.ts";
import type { TarEntry } from "../../deploy/image/tar-entry.ts";

/** An image of the lab and the name of its archive. */
export interface LabImage extends OciImage {
  readonly file: string;
}

/** What images are made of. */
export interface ImageContents {
  readonly architecture: OciImage["architecture"];
  /** A program's file as a member of an image. */
  readonly program: (name: string, path: string) => TarEntry;
  /** The commands of the program `busybox`. */
  readonly busyboxCommands: readonly string[];
}

/** The sources of the lab's images. */
export interface ImageSources extends ImageContents {
  /** Of the scheduler: the cluster's. */
  readonly kubernetesVersion: string;
  /** Of kubectl, which the examples name. */
  readonly kubectlVersion: string;
  readonly sidecars: readonly { readonly name: string; readonly version: string }[];
}

/** Of images whose programs are busybox's. */
export const SYSTEM_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** The image that every pod starts with; nodes are configured to request it by this name. */
export const PAUSE_IMAGE = "registry.k8s.io/pause:3.10.1";
/**
 * The Kubernetes project's repository of the sidecars, and Azure's: the chart's own values use the latter.
 */
const SIDECAR_REPOSITORIES = ["registry.k8s.io/sig-storage", "mcr.microsoft.com/oss/v2/kubernetes-csi"];
const PAUSE_USER = "65535:65535";

const BUSYBOX_NAMES = ["docker.io/library/busybox:1.36", "docker.io/library/busybox:latest"];
/** Its names in the driver's examples and Azure's tutorials. */
const NGINX_NAMES = [
  "docker.io/library/nginx:latest",
  "mcr.microsoft.com/oss/nginx/nginx:1.17.3-alpine",
  "mcr.microsoft.com/oss/nginx/nginx:1.19.5",
  "mcr.microsoft.com/mirror/docker/library/nginx:1.23",
];

/** The image of the scheduled backup in the examples. */
const KUBECTL_REPOSITORY = "docker.io/alpine/k8s";

/** busybox's shell does all that pods in the examples need of `/bin/bash`. */
const BASH = '#!/bin/sh\nexec /bin/sh "$@"\n';
const NGINX =
  "#!/bin/sh\n# A stand-in for nginx: busybox's web server, whatever the arguments.\n" +
  "exec httpd -f -p 80 -h /usr/share/nginx/html\n";
const NGINX_PAGE = "<!DOCTYPE html><title>Lab</title><h1>A stand-in for nginx</h1>\n";
const USERS = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n";
const GROUPS = "root:x:0:\nnogroup:x:65534:\n";

/**
 * Every image that pods of the lab use besides the driver's own: pause, sidecars, scheduler, and stand-ins
 * for images that users' manifests name.
 */
export function labImages(sources: ImageSources): readonly LabImage[] {
  const { architecture, kubernetesVersion, kubectlVersion, sidecars, program } = sources;
  const userland = busyboxLayer(sources);
  return [
    {
      file: "pause.tar",
      names: [PAUSE_IMAGE],
      architecture,
      layers: [[program("pause", "pause")]],
      config: { User: PAUSE_USER, Entrypoint: ["/pause"] },
    },
    ...sidecars.map(({ name, version }) => ({
      file: `${name}.tar`,
      names: SIDECAR_REPOSITORIES.map((repository) => `${repository}/${name}:${version}`),
      architecture,
      layers: [[program(name, name)]],
      config: { Env: [SYSTEM_PATH], Entrypoint: [`/${name}`] },
    })),
    {
      file: "kube-scheduler.tar",
      names: [`registry.k8s.io/kube-scheduler:${kubernetesVersion}`],
      architecture,
      layers: [[program("kube-scheduler", "usr/local/bin/kube-scheduler")]],
      // Without an entrypoint, like the official image as far as pods rely on it: the pod gives the
      // command.
      config: { Env: [SYSTEM_PATH] },
    },
    {
      file: "busybox.tar",
      names: BUSYBOX_NAMES,
      architecture,
      layers: [userland],
      config: { Env: [SYSTEM_PATH], Cmd: ["sh"] },
    },
    {
      file: "nginx.tar",
      names: NGINX_NAMES,
      architecture,
      layers: [userland, nginxLayer()],
      config: { Env: [SYSTEM_PATH], Cmd: ["nginx", "-g", "daemon off;"], ExposedPorts: { "80/tcp": {} } },
    },
    {
      file: "kubectl.tar",
      names: [`${KUBECTL_REPOSITORY}:${kubectlVersion.replace(/^v/u, "")}`],
      architecture,
      layers: [userland, [program("kubectl", "bin/kubectl")]],
      config: { Env: [SYSTEM_PATH], Cmd: ["bash"] },
    },
  ];
}

/** A system of busybox alone. */
export function busyboxLayer({ program, busyboxCommands }: ImageContents): readonly TarEntry[] {
  return [
    folder("bin"),
    ...busyboxCommands
      .filter((command) => command !== "busybox")
      .map((command) => ({ kind: "SymbolicLink", path: `bin/${command}`, target: "busybox" }) as const),
    script("bin/bash", BASH),
    program("busybox", "bin/busybox"),
    folder("etc"),
    text("etc/group", GROUPS),
    text("etc/passwd", USERS),
    folder("root", 0o700),
    folder("tmp", 0o1777),
    folder("usr"),
    { kind: "SymbolicLink", path: "usr/bin", target: "../bin" },
    folder("var"),
  ];
}

/** The web server in place of nginx. */
export function nginxLayer(): readonly TarEntry[] {
  return [
    script("bin/nginx", NGINX),
    folder("usr/share"),
    folder("usr/share/nginx"),
    folder("usr/share/nginx/html"),
    text("usr/share/nginx/html/index.html", NGINX_PAGE),
  ];
}

/** A folder of an image. */
export function folder(path: string, mode = 0o755): TarEntry {
  return { kind: "Folder", path, mode };
}

function text(path: string, content: string, mode = 0o644): TarEntry {
  return { kind: "File", path, mode, content: { kind: "Bytes", bytes: Buffer.from(content) } };
}

/** A program of an image, as its text. */
export function script(path: string, content: string): TarEntry {
  return text(path, content, 0o755);
}
