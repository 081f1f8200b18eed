/** One token, or some: integers from 0 to the vocabulary's size. */
export type Tokens = number | Iterable<number>;
/** Numbers in order; those that are no `Float32Array` are copied. */
export type Numbers = Float32Array | ArrayLike<number>;
/** A path: text or a `file:` URL. */
export type Path = string | URL;
