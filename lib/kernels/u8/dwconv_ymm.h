/* What the depthwise kernels of 256 bits share besides dwconv_frame.h: sums of 16 channels are two vectors, of channels 0 to 3
 * and 8 to 11 and of the others, which is how unpacking leaves them and packing wants them. */

enum { PIXELS = 2 };

typedef struct ends {
    __m256i zero, min, max; /* words and bytes */
    __m256i bias[2];
    __m256 scale[2];
} ends;

typedef struct sums {
    __m256i rows[2][PIXELS][2];
} sums;

/* 16 numbers of 32 bits in that order. */
INLINE void load_split(const void *from, __m256i *to)
{
    const __m256i low = _mm256_loadu_si256(from), high = _mm256_loadu_si256((const __m256i *)from + 1);
    to[0] = _mm256_permute2x128_si256(low, high, 0x20);
    to[1] = _mm256_permute2x128_si256(low, high, 0x31);
}

INLINE void load_ends(const mseg_u8_dwconv_args *g, int c, ends *e)
{
    __m256i scale[2];
    load_split(g->bias + c, e->bias);
    load_split(g->scale + c, scale);
    e->scale[0] = _mm256_castsi256_ps(scale[0]);
    e->scale[1] = _mm256_castsi256_ps(scale[1]);
    e->zero = _mm256_set1_epi16((int16_t)g->zero);
    e->min = _mm256_set1_epi8((char)g->min);
    e->max = _mm256_set1_epi8((char)g->max);
}

INLINE void start_at(const __m256i *bias, sums *s)
{
#pragma GCC unroll 2
    for (int i = 0; i < PIXELS; i++)
#pragma GCC unroll 2
        for (int half = 0; half < 2; half++)
            s->rows[0][i][half] = s->rows[1][i][half] = bias[half];
}

/* The 16 words of a pixel. */
INLINE __m256i rounded(const ends *e, const __m256i *sum)
{
    const __m256i low = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_cvtepi32_ps(sum[0]), e->scale[0]));
    const __m256i high = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_cvtepi32_ps(sum[1]), e->scale[1]));
    return _mm256_adds_epi16(_mm256_packs_epi32(low, high), e->zero);
}

INLINE void store_row(const ends *e, const __m256i (*sum)[2], uint8_t *out, size_t out_stride, const int pixels)
{
    const __m256i first = rounded(e, sum[0]), second = pixels == 2 ? rounded(e, sum[1]) : first;
    __m256i bytes = _mm256_min_epu8(_mm256_max_epu8(_mm256_packus_epi16(first, second), e->min), e->max);
    bytes = _mm256_permute4x64_epi64(bytes, 0xd8);
    _mm_storeu_si128((__m128i *)out, _mm256_castsi256_si128(bytes));
    if (pixels == 2)
        _mm_storeu_si128((__m128i *)(out + out_stride), _mm256_extracti128_si256(bytes, 1));
}
