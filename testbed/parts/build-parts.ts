import { link } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "../../scripts/child/run-command.ts";
import { buildOnce } from "../build/build-once.ts";
import { debianPart } from "../build/debian-part.ts";
import { goPart } from "../build/go-part.ts";
import { hashInputs } from "../build/hash-inputs.ts";
import type { OnProgress, Part } from "../build/part.ts";
import { buildGoProgram } from "./build-go-program.ts";
import { type BuiltKubernetes, buildKubernetes } from "./build-kubernetes.ts";
import { CONTAINERD_PROGRAMS, containerdModule } from "./containerd-module.ts";
import { imagesPart } from "./images-part.ts";
import type { OlderKubernetes } from "./kubernetes-module.ts";
import { labImages } from "./lab-images.ts";

/** Everything that the lab starts. */
export interface Parts {
  /**
   * A folder of programs, for PATH: etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubelet,
   * kubectl; containerd with its shim, ctr and runc; helm.
   */
  readonly bin: string;
  /** The folder of the CNI plug-ins: bridge, host-local, loopback, portmap and others. */
  readonly cni: string;
  /** A folder of OCI archives (`*.tar`): the images that pods need besides the driver's own. */
  readonly images: string;
}

/** The programs of Debian in the lab and its images. */
export const LAB_PACKAGES = {
  name: "debian",
  packages: ["busybox-static", "containernetworking-plugins", "runc"],
} as const;

/**
 * Returns everything that the lab starts, built and downloaded if the cache lacks it: about 10 minutes on
 * two cores the first time, and as long for each `older` Kubernetes. Throws, naming the part, if Go or apt
 * is missing or a build fails, and with `signal`'s reason if it is aborted.
 */
export async function buildParts(
  onProgress: OnProgress,
  signal: AbortSignal,
  older?: OlderKubernetes,
): Promise<Parts> {
  const failure = new AbortController();
  const stop = AbortSignal.any([signal, failure.signal]);
  const build = async (part: Part): Promise<string> => buildOnce(part, onProgress, stop);
  // In parallel: while one downloads or links, the other compiles.
  const [{ debian, kubernetes, images }, { containerd, helm }] = await bothOrNone(
    buildCluster(build, older),
    buildTools(build, onProgress, stop),
    failure,
  );
  const programs = new Map([
    ...kubernetes.programs,
    ...CONTAINERD_PROGRAMS.map((name) => [name, join(containerd, name)] as const),
    ["runc", join(debian, "usr/sbin/runc")],
    ["helm", helm],
  ]);
  return { bin: await build(programsPart(programs)), cni: join(debian, "usr/lib/cni"), images };
}

type Build = (part: Part) => Promise<string>;

async function buildCluster(
  build: Build,
  older: OlderKubernetes | undefined,
): Promise<{ readonly debian: string; readonly kubernetes: BuiltKubernetes; readonly images: string }> {
  const debian = await build(await debianPart(LAB_PACKAGES));
  const kubernetes = await buildKubernetes(build, older);
  const images = await imagesPart({
    name: "images",
    built: { debian, ...kubernetes.folders },
    programs: kubernetes.imageFiles,
    images: (contents) =>
      labImages({
        ...contents,
        kubernetesVersion: kubernetes.version,
        kubectlVersion: kubernetes.kubectlVersion,
        sidecars: kubernetes.sidecars,
      }),
  });
  return { debian, kubernetes, images: await build(images) };
}

async function buildTools(
  build: Build,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<{ readonly containerd: string; readonly helm: string }> {
  const containerd = await build(await goPart(await containerdModule()));
  return { containerd, helm: await buildGoProgram("helm", onProgress, signal) };
}

/** Both results. If one fails, throws its error once the other, stopped by `failure`, has ended. */
async function bothOrNone<A, B>(
  first: Promise<A>,
  second: Promise<B>,
  failure: AbortController,
): Promise<readonly [A, B]> {
  try {
    return await Promise.all([first, second]);
  } catch (error) {
    failure.abort(error);
    await Promise.allSettled([first, second]);
    throw error;
  }
}

/** One folder with every program under its own name: links to the files of the other parts. */
function programsPart(programs: ReadonlyMap<string, string>): Part {
  return {
    name: "bin",
    key: hashInputs(Object.fromEntries(programs)),
    async build(target, tell) {
      tell("linking");
      for (const [name, file] of programs) await link(file, join(target, name));
      await checkRunc(join(target, "runc"));
    },
  };
}

/** runc is the only program that is linked against libraries of the machine. */
async function checkRunc(runc: string): Promise<void> {
  const { code, output } = await runCommand(runc, ["--version"], { cwd: "/" });
  if (code !== 0)
    throw new Error(`runc can't run here (it needs Debian's package libseccomp2): ${output.trim()}`);
}
