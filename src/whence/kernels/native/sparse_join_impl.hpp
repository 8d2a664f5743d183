// Body of the descent over leaves for single players; included once per instruction set.
#pragma once

#include "simd.hpp"
#include "sparse_join.hpp"

namespace whence::WHENCE_ISA {
namespace {

constexpr int kParts = 8 / Simd::lanes;  // registers that hold eight background rows

inline Simd::reg look_up(const double* table, Simd::reg at) {
#if defined(__AVX512F__)
  return _mm512_mask_i32gather_pd(Simd::set(0), 255, _mm512_maskz_cvttpd_epi32(255, at), table, 8);
#else
  double position[Simd::lanes], found[Simd::lanes];
  Simd::store(position, at);
  for (int i = 0; i < Simd::lanes; ++i) found[i] = table[static_cast<int>(position[i])];
  return Simd::load(found);
#endif
}

// Eight background rows at byte `at` of the chunk, of which those in `alive` are in play.
inline void join_byte(const JoinPath& s, const JoinLeaf& leaf, std::int32_t v, int at,
                      std::uint8_t alive) {
  const double* known = leaf.by_known[s.q];
  const double* unknown = leaf.by_unknown[s.q];
  const double* value = leaf.value + (leaf.first + v) * leaf.width;
  const auto* b = reinterpret_cast<const std::uint8_t*>(s.b) + at;
  for (int part = 0; part < kParts; ++part) {
    const Simd::reg zero = Simd::set(0), one = Simd::set(1);
    Simd::reg p = zero;
    for (int i = 0; i < s.length; ++i) {
      const std::int32_t j = s.path[i];
      const std::uint8_t fails = static_cast<std::uint8_t>(~b[j * kChunkBytes] & alive);
      p = Simd::add(p, Simd::select(Simd::bits(&fails, part), one, zero));
    }
    const Simd::reg gain = look_up(known, p);
    const Simd::reg loss = Simd::select(Simd::bits(&alive, part), look_up(unknown, p), zero);
    for (int c = 0; c < leaf.responses; ++c) {
      Simd::reg scale;
      if (leaf.gains == nullptr) {
        scale = Simd::set(value[c]);
      } else {
        scale = zero;
        for (std::int64_t o = 0; o < leaf.used; ++o)
          scale = Simd::add(
              scale, Simd::mul(Simd::load(leaf.gains + c * leaf.gain_stride + o * kChunk + 8 * at +
                                          part * Simd::lanes),
                               Simd::set(value[o])));
      }
      const Simd::reg earn = Simd::mul(gain, scale), pay = Simd::mul(loss, scale);
      for (int i = 0; i < s.length; ++i) {
        const std::int32_t j = s.path[i];
        double* sum = leaf.sums + (j * leaf.responses + c) * 8 + part * Simd::lanes;
        if (s.x[j]) {
          const std::uint8_t fails = static_cast<std::uint8_t>(~b[j * kChunkBytes] & alive);
          Simd::store(sum, Simd::add(Simd::load(sum),
                                     Simd::select(Simd::bits(&fails, part), earn, zero)));
        } else {
          Simd::store(sum, Simd::add(Simd::load(sum), pay));
        }
      }
    }
  }
}

}  // namespace

void join_players(JoinPath& path, const JoinLeaf& leaf) {
  join_descend(path, [&](std::int32_t v, const std::uint64_t* alive) {
    for (int w = 0; w < kWords; ++w)
      for (std::uint64_t left = alive[w]; left != 0;) {
        const int byte = __builtin_ctzll(left) / 8;
        join_byte(path, leaf, v, 8 * w + byte, static_cast<std::uint8_t>(left >> (8 * byte)));
        left &= ~(std::uint64_t{255} << (8 * byte));
      }
  });
}

}  // namespace whence::WHENCE_ISA
