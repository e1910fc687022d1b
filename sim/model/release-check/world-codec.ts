import { digitsOf } from "../state-space/digits.ts";

type Choices = Readonly<Record<string, readonly unknown[]>>;

/** One of the choices for each key. */
export type Chosen<C extends Choices> = { readonly [K in keyof C]: C[K][number] };

/** Turns records with few possible values into small numbers and back. */
export interface Codec<C extends Choices> {
  /** How many codes there are. */
  readonly size: number;
  readonly encode: (chosen: Chosen<C>) => number;
  readonly decode: (code: number) => Chosen<C>;
}

/** A codec for records in which each key has one of the listed values. Decoded records are shared. */
export function createCodec<const C extends Choices>(choices: C): Codec<C> {
  const keys: readonly (keyof C)[] = Object.keys(choices);
  const size = keys.reduce((product, key) => product * (choices[key]?.length ?? 0), 1);
  const decoded: readonly Chosen<C>[] = Array.from({ length: size }, (_, code) => {
    const next = digitsOf(code);
    const entries = keys.map((key) => {
      const values = choices[key] ?? [];
      return [key, values[next(values.length)]] as const;
    });
    return Object.fromEntries(entries) as Chosen<C>;
  });
  return {
    size,
    encode: (chosen) =>
      keys.reduceRight(
        (code, key) => code * (choices[key]?.length ?? 0) + (choices[key]?.indexOf(chosen[key]) ?? 0),
        0,
      ),
    decode: (code) => {
      const value = decoded[code];
      if (value === undefined) throw new Error(`${code} is no code below ${size}`);
      return value;
    },
  };
}
