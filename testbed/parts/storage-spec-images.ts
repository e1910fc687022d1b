import {
  busyboxLayer,
  type ImageContents,
  type LabImage,
  nginxLayer,
  script,
  SYSTEM_PATH,
} from "./lab-images.ts";

/** busybox's dd does not know `nocache`, which only advises the kernel; `direct` does more. */
const DD = `#!/bin/sh
for argument; do
  shift
  case "$argument" in
    iflag=nocache) argument=iflag=direct ;;
    oflag=nocache) argument=oflag=direct ;;
  esac
  set -- "$@" "$argument"
done
exec busybox dd "$@"
`;

/**
 * The images of pods that Kubernetes' specs of CSI drivers create: stand-ins made of busybox, and agnhost's
 * own commands. `names` are those of all its test images, with tags.
 */
export function storageSpecImages(contents: ImageContents, names: readonly string[]): readonly LabImage[] {
  const userland = busyboxLayer(contents).map((entry) =>
    entry.path === "bin/dd" ? script(entry.path, DD) : entry,
  );
  const named = (...images: readonly string[]): readonly string[] =>
    names.filter((name) => images.some((image) => name.includes(`/${image}:`)));
  const { architecture, program } = contents;
  return [
    {
      file: "test-busybox.tar",
      names: named("busybox", "glibc-dns-testing"),
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
      layers: [userland, [program("agnhost", "agnhost")]],
      config: { Env: [SYSTEM_PATH], Entrypoint: ["/agnhost"], Cmd: ["pause"] },
    },
  ];
}
