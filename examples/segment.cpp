// segment PHOTO MASK.png: writes the class of each pixel as an indexed PNG and prints the names of the classes found.
// c++ -std=c++17 segment.cpp $(pkg-config --cflags --libs mseg)
#include <mseg.h>

#include <iostream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>

// What mseg opens is closed with its owner, what it fills freed.
template <auto close> struct Closer {
    template <class T> void operator()(T *object) const
    {
        close(&object);
    }
};
using Model = std::unique_ptr<mseg_model, Closer<mseg_model_close>>;
using Session = std::unique_ptr<mseg_session, Closer<mseg_session_close>>;
template <class T, auto release> struct Freed : T {
    Freed() : T()
    {
    }
    Freed(const Freed &) = delete;
    Freed &operator=(const Freed &) = delete;
    ~Freed()
    {
        release(this);
    }
};

// For one call: check("what", err, mseg_...(..., &err)).
static void check(const std::string &what, const mseg_error &err, mseg_status status)
{
    if (status != MSEG_OK)
        throw std::runtime_error(what + ": " + err.text);
}

static void segment(const std::string &file, const std::string &mask)
{
    mseg_error err;
    mseg_model *model = nullptr;
    mseg_session *session = nullptr;
    Freed<mseg_image, mseg_image_free> photo;
    Freed<mseg_palette, mseg_palette_free> voc;
    mseg_run_options options;
    mseg_result result; // its labels are the session's

    check("mseg", err, mseg_model_open_builtin(&model, nullptr, &err));
    const Model model_owner(model);
    check("mseg", err, mseg_session_open(&session, model, nullptr, &err));
    const Session session_owner(session); // goes before the model
    check("mseg", err, mseg_palette_load(&voc, "voc", &err));
    mseg_run_options_init(&options, sizeof options);
    options.size = 0; // what the model was trained at

    check(file, err, mseg_image_read(&photo, file.c_str(), MSEG_EXIF_APPLY, nullptr, &err));
    check(file, err, mseg_segment(session, mseg_view_of(&photo), &options, &result, &err));
    check(mask, err, mseg_image_write_indexed(mask.c_str(), result.labels, &voc.colors, &err));
    std::map<int, long> pixels;
    for (int y = 0; y < result.labels.height; y++)
        for (int x = 0; x < result.labels.width; x++)
            pixels[result.labels.data[y * result.labels.stride + x]]++;
    for (const auto &[id, count] : pixels)
        std::cout << voc.names[id] << ": " << count << " pixels\n";
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        std::cerr << "usage: segment PHOTO MASK.png\n";
        return 2;
    }
    try {
        segment(argv[1], argv[2]);
        return 0;
    } catch (const std::exception &error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}
