#include "seg/builtin.h"

/* The assembler copies the file in: the compiler never sees its 1.4 million bytes. MSEG_BUILTIN_MODEL: its path (CMakeLists.txt).
 */
__asm__(".pushsection .rodata\n"
        ".balign 64\n"
        ".globl mseg_builtin_model\n"
        ".hidden mseg_builtin_model\n"
        ".type mseg_builtin_model, %object\n"
        "mseg_builtin_model:\n"
        ".incbin \"" MSEG_BUILTIN_MODEL "\"\n"
        ".Lmseg_builtin_model_end:\n"
        ".size mseg_builtin_model, .Lmseg_builtin_model_end - mseg_builtin_model\n"
        ".balign 8\n"
        ".globl mseg_builtin_model_size\n"
        ".hidden mseg_builtin_model_size\n"
        ".type mseg_builtin_model_size, %object\n"
        "mseg_builtin_model_size:\n"
        ".quad .Lmseg_builtin_model_end - mseg_builtin_model\n"
        ".size mseg_builtin_model_size, 8\n"
        ".popsection\n");
