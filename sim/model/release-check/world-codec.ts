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
  const places = placesOf(choices);
  const size = places.reduce((product, { values }) => product * values.length, 1);
  const decoded: readonly Chosen<C>[] = Array.from({ length: size }, (_, code) => {
    const next = digitsOf(code);
    const entries = places.map(({ key, values }) => [key, values[next(values.length)]] as const);
    return Object.fromEntries(entries) as Chosen<C>;
  });
  // A step changes one part of a world, and leaves the others as they were decoded.
  const codes = new Map(decoded.map((value, code) => [value, code]));
  return {
    size,
    encode: (chosen) => {
      const known = codes.get(chosen);
      if (known !== undefined) return known;
      let code = 0;
      for (const { key, values, weight } of places) code += weight * values.indexOf(chosen[key]);
      return code;
    },
    decode: (code) => {
      const value = decoded[code];
      if (value === undefined) throw new Error(`${code} is no code below ${size}`);
      return value;
    },
  };
}

/** The keys with what each digit of a code says of them, and what it counts; the lowest first. */
function placesOf<C extends Choices>(
  choices: C,
): readonly { readonly key: keyof C; readonly values: readonly unknown[]; readonly weight: number }[] {
  let weight = 1;
  return Object.entries(choices).map(([key, values]) => {
    const place = { key, values, weight };
    weight *= values.length;
    return place;
  });
}
