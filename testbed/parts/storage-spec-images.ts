import {
  busyboxLayer,
  folder,
  type ImageContents,
  type LabImage,
  nginxLayer,
  script,
  SYSTEM_PATH,
} from "./lab-images.ts";

/**
 * By `nsenter --mount=<file> -- <command>` specs run commands on a node. busybox would run its own shell
 * there, and that its own `umount`, which fails on the options of the node's.
 */
const NSENTER = `#!/bin/sh
namespace=$1
shift 2
exec /bin/busybox nsenter "$namespace" -- /usr/bin/env "$@"
`;

/**
 * The images of pods that Kubernetes' specs of CSI drivers create: stand-ins made of busybox, and agnhost's
 * own commands. `names` are those of all its test images, with tags.
 */
export function storageSpecImages(contents: ImageContents, names: readonly string[]): readonly LabImage[] {
  const userland = busyboxLayer(contents);
  const named = (image: string): readonly string[] => names.filter((name) => name.includes(`/${image}:`));
  const { architecture, program } = contents;
  return [
    {
      file: "test-busybox.tar",
      names: [...named("busybox"), ...named("glibc-dns-testing")],
      architecture,
      layers: [userland],
      config: { Env: [SYSTEM_PATH], Cmd: ["sh"] },
    },
    {
      file: "test-nginx.tar",
      names: named("nginx"),
      architecture,
      layers: [userland, nginxLayer()],
      config: { Env: [SYSTEM_PATH], Cmd: ["nginx", "-g", "daemon off;"] },
    },
    {
      file: "test-agnhost.tar",
      names: named("agnhost"),
      architecture,
      layers: [
        userland,
        [
          program("agnhost", "agnhost"),
          folder("usr/local"),
          folder("usr/local/bin"),
          script("usr/local/bin/nsenter", NSENTER),
        ],
      ],
      config: { Env: [SYSTEM_PATH], Entrypoint: ["/agnhost"], Cmd: ["pause"] },
    },
  ];
}
